#include "attest/merkle.hpp"

#include <algorithm>
#include <array>

namespace tidegate::attest {
namespace {

// The next level up; the last of an odd number stands for itself.
std::vector<Sha256> parents(std::span<const Sha256> level) {
  std::vector<Sha256> out;
  out.reserve((level.size() + 1) / 2);
  for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
    out.push_back(node_hash(level[i], level[i + 1]));
  }
  if (level.size() % 2 == 1) out.push_back(level.back());
  return out;
}

}  // namespace

Sha256 leaf_hash(std::string_view label, std::string_view text) {
  Sha256Hasher hasher;
  std::array<char, 1 + leaf_label_max + 1> front{};  // one update is quicker than three
  label = label.substr(0, leaf_label_max);
  std::ranges::copy(label, front.begin() + 1);
  hasher.update({front.data(), 1 + label.size() + 1});
  hasher.update(text);
  return hasher.finish();
}

Sha256 node_hash(const Sha256& left, const Sha256& right) {
  std::array<std::uint8_t, 1 + 2 * sizeof(Sha256)> text{1};
  std::ranges::copy(left, text.begin() + 1);
  std::ranges::copy(right, text.begin() + 1 + sizeof left);
  return sha256({reinterpret_cast<const char*>(text.data()), text.size()});
}

Sha256 merkle_root(std::span<const Sha256> leaves) {
  std::vector<Sha256> level(leaves.begin(), leaves.end());
  while (level.size() > 1) level = parents(level);
  return level.front();
}

std::vector<Sha256> inclusion_path(std::span<const Sha256> leaves, std::size_t index) {
  std::vector<Sha256> path;
  std::vector<Sha256> level(leaves.begin(), leaves.end());
  for (; level.size() > 1; level = parents(level), index /= 2) {
    if (const std::size_t sibling = index ^ 1; sibling < level.size()) {
      path.push_back(level[sibling]);
    }
  }
  return path;
}

bool path_holds(const Sha256& leaf, std::size_t index, std::size_t count,
                std::span<const Sha256> path, const Sha256& root) {
  if (index >= count) return false;
  std::size_t last = count - 1;
  Sha256 hash = leaf;
  for (const Sha256& sibling : path) {
    if (last == 0) return false;
    if (index % 2 == 1 || index == last) {
      hash = node_hash(sibling, hash);
      while (index % 2 == 0 && index != 0) index /= 2, last /= 2;
    } else {
      hash = node_hash(hash, sibling);
    }
    index /= 2;
    last /= 2;
  }
  return last == 0 && hash == root;
}

}  // namespace tidegate::attest
