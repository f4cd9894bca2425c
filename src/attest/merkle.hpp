// Merkle trees as RFC 6962, section 2.1, has them: a leaf is SHA-256(0x00 || entry), a node
// SHA-256(0x01 || left || right), and the left part of a tree is the largest full one.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace tidegate::attest {

// The leaf of an entry that is the label, a NUL, and the text: no two kinds of text share a leaf.
// Labels are ours, and at most leaf_label_max bytes.
inline constexpr std::size_t leaf_label_max = 62;
Sha256 leaf_hash(std::string_view label, std::string_view text);
Sha256 node_hash(const Sha256& left, const Sha256& right);

// Of at least one leaf.
Sha256 merkle_root(std::span<const Sha256> leaves);
// The siblings from the leaf up (RFC 6962, section 2.1.1); index < leaves.size().
std::vector<Sha256> inclusion_path(std::span<const Sha256> leaves, std::size_t index);
// Whether the path leads from the leaf to the root (RFC 9162, section 2.1.3.2).
bool path_holds(const Sha256& leaf, std::size_t index, std::size_t count,
                std::span<const Sha256> path, const Sha256& root);

}  // namespace tidegate::attest
