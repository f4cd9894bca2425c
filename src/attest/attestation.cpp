#include "attest/attestation.hpp"

#include "attest/merkle.hpp"
#include "base/json.hpp"

namespace tidegate::attest {
namespace {

void add_text(std::string& out, std::string_view front, std::string_view value) {
  out += front;
  json::append_quoted(out, value);
}
void add_digest(std::string& out, std::string_view front, const Sha256& digest) {
  out += front;
  out += '"';
  append_hex(out, view(digest));
  out += '"';
}

}  // namespace

std::string Attestation::text() const {
  std::string out;
  out.reserve(512);
  add_digest(out, R"({"answer":)", answer);
  add_digest(out, R"(,"body":)", body);
  add_text(out, R"(,"dst":)", destination);
  add_text(out, R"(,"outcome":)", outcome);
  add_text(out, R"(,"rid":)", request_id);
  add_text(out, R"(,"row":)", row_hash);
  add_text(out, R"(,"src":)", source);
  out += R"(,"t":)";
  out += std::to_string(at_ms);
  add_digest(out, R"(,"token":)", token);
  out += R"(,"v":1})";
  return out;
}

Sha256 Attestation::leaf() const {
  return leaf_hash(label, text());
}

}  // namespace tidegate::attest
