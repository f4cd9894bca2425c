#include "attest/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "attest/merkle.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"

namespace tidegate::attest {
namespace {

template <std::size_t size>
std::string_view view_of(const std::array<std::uint8_t, size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string quoted(std::string_view text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorCode::malformed_json, fmt::format("not a signed batch: {}", why));
}

template <std::size_t size>
bool read_bytes(std::string_view text, std::array<std::uint8_t, size>& out) {
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() != size) return false;
  std::ranges::copy(*bytes, reinterpret_cast<char*>(out.data()));
  return true;
}

template <std::size_t size>
bool read_bytes(const json::object& o, std::string_view name, std::array<std::uint8_t, size>& out) {
  const auto text = json::find_string(o, name);
  return text && read_bytes(*text, out);
}

std::string_view bytes_of(const std::vector<Sha256>& leaves) {
  static_assert(sizeof(Sha256) == 32);
  return {reinterpret_cast<const char*>(leaves.data()), leaves.size() * sizeof(Sha256)};
}

bool read_leaves(std::string_view text, std::vector<Sha256>& leaves) {
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->empty() || bytes->size() % sizeof(Sha256) != 0 ||
      bytes->size() > limits::batch_leaves_max * sizeof(Sha256)) {
    return false;
  }
  leaves.resize(bytes->size() / sizeof(Sha256));
  std::memcpy(leaves.data(), bytes->data(), bytes->size());
  return true;
}

constexpr std::string_view leaves_member = R"("leaves":")";

}  // namespace

std::string_view name_of(Of of) {
  return of == Of::attestations ? "attestations" : "tokens";
}

std::string Batch::signed_text() const {
  std::string out(label);
  out += '\0';
  out += fmt::format(
      R"({{"count":{},"for":{},"key":"{}","of":"{}","region":{},"root":"{}","t":{},"v":{}}})",
      leaves.size(), quoted(peer), to_base64url(view_of(key)), name_of(of), quoted(region),
      to_hex(root), at_ms, version);
  return out;
}

std::string Batch::to_json() const {
  return fmt::format(
      R"({{"count":{},"for":{},"key":"{}",{}{}","of":"{}","region":{},"root":"{}","signature":"{}",)"
      R"("t":{},"v":{}}})",
      leaves.size(), quoted(peer), to_base64url(view_of(key)), leaves_member,
      to_base64url(bytes_of(leaves)), name_of(of), quoted(region), to_hex(root),
      to_base64url(view_of(signature)), at_ms, version);
}

std::vector<Sha256> leaves_in(std::string_view batch_json) {
  std::vector<Sha256> leaves;
  const auto start = batch_json.find(leaves_member);
  if (start == std::string_view::npos) return leaves;
  const std::string_view rest = batch_json.substr(start + leaves_member.size());
  if (!read_leaves(rest.substr(0, rest.find('"')), leaves)) leaves.clear();
  return leaves;
}

Result<Batch> Batch::from_json(std::string_view text) {
  TRY(const json::value parsed, json::parse(text));
  const json::object* o = parsed.if_object();
  if (!o) return malformed("it is not an object");
  Batch batch;
  const auto of = json::find_string(*o, "of");
  if (of == name_of(Of::tokens)) {
    batch.of = Of::tokens;
  } else if (of != name_of(Of::attestations)) {
    return malformed("\"of\" is neither attestations nor tokens");
  }
  if (!read_leaves(json::find_string(*o, "leaves").value_or(""), batch.leaves)) {
    return malformed("its leaves");
  }
  if (json::find_int(*o, "count") != static_cast<std::int64_t>(batch.leaves.size()) ||
      json::find_int(*o, "v") != version) {
    return malformed("its count or its version");
  }
  batch.region = json::find_string(*o, "region").value_or("");
  batch.peer = json::find_string(*o, "for").value_or("");
  batch.at_ms = json::find_int(*o, "t").value_or(0);
  const auto root = sha256_from_hex(json::find_string(*o, "root").value_or(""));
  if (batch.region.empty() || batch.peer.empty() || batch.at_ms <= 0 || !root ||
      !read_bytes(*o, "key", batch.key) || !read_bytes(*o, "signature", batch.signature)) {
    return malformed("a member is missing or out of form");
  }
  batch.root = *root;
  if (merkle_root(batch.leaves) != batch.root) return malformed("the root is not its leaves'");
  return batch;
}

Batch sign_batch(Of of, std::string region, std::string peer, std::int64_t at_ms,
                 std::vector<Sha256> leaves, const SigningKey& key) {
  Batch batch{.of = of,
              .region = std::move(region),
              .peer = std::move(peer),
              .at_ms = at_ms,
              .leaves = std::move(leaves),
              .key = key.public_key()};
  batch.root = merkle_root(batch.leaves);
  batch.signature = key.sign(batch.signed_text());
  return batch;
}

}  // namespace tidegate::attest
