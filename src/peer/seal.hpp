// A sealed document: base64url(RFC 8785 JSON) "." base64url(HMAC-SHA-256). The MAC covers a label
// too, so that one kind of document never passes for another under the same link secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace tidegate::peer {

std::string seal(std::string_view label, std::string_view json, std::string_view link_secret);

// The JSON text, its MAC checked; nullopt where it is not one, too long, or sealed under another
// secret or label.
std::optional<std::string> unseal(std::string_view label, std::string_view wire,
                                  std::string_view link_secret, std::size_t bytes_max);

// Readers for documents that machines write. They fall back to a default where a member is absent
// or of another type: who reads with them encodes again and compares, which catches that and
// everything else (unknown members, order, white space, ranges).
std::string text_of(const json::object& o, std::string_view name);
std::uint64_t unsigned_of(const json::object& o, std::string_view name);
std::int64_t integer_of(const json::object& o, std::string_view name);
bool bool_of(const json::object& o, std::string_view name);
std::vector<std::string> texts_of(const json::object& o, std::string_view name);

// Appends `"name":` and the value, with a comma before it where one is needed. Members are added in
// RFC 8785's order.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  void add(std::string_view name, std::string_view text);
  void add(std::string_view name, std::int64_t number);
  void add(std::string_view name, std::uint64_t number);
  void add(std::string_view name, const std::vector<std::string>& texts);
  void raw(std::string_view name, std::string_view json);
  void name(std::string_view name);
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

bool is_hex_digest(std::string_view text);  // 64 lower-case hex digits

}  // namespace tidegate::peer
