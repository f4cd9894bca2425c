#include "attest/attestation.hpp"

#include "attest/merkle.hpp"

namespace tidegate::attest {
namespace {

void add_text(std::string& out, std::string_view text) {
  text = text.substr(0, UINT16_MAX);
  append_big_endian(out, text.size(), 2);
  out += text;
}

}  // namespace

std::string Attestation::bytes() const {
  std::string out;
  out.reserve(256);
  out += static_cast<char>(version);
  for (const std::string_view text : {request_id, source, destination}) add_text(out, text);
  for (const Sha256& digest : {row_hash, body, answer, token}) out += view(digest);
  add_text(out, outcome);
  append_big_endian(out, static_cast<std::uint64_t>(at_ms), 8);
  return out;
}

Sha256 Attestation::leaf() const {
  return leaf_hash(label, bytes());
}

}  // namespace tidegate::attest
