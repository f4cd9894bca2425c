#include "peer/seal.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace tidegate::peer {
namespace {

Sha256 mac_of(std::string_view label, std::string_view json, std::string_view link_secret) {
  std::string text(label);
  text += '\0';
  text += json;
  return hmac_sha256(link_secret, text);
}

}  // namespace

std::string seal(std::string_view label, std::string_view json, std::string_view link_secret) {
  std::string out = to_base64url(json);
  out += '.';
  out += to_base64url(view(mac_of(label, json, link_secret)));
  return out;
}

std::optional<std::string> unseal(std::string_view label, std::string_view wire,
                                  std::string_view link_secret, std::size_t bytes_max) {
  if (wire.size() > bytes_max || link_secret.empty()) return std::nullopt;
  const auto dot = wire.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto json = from_base64url(wire.substr(0, dot));
  const auto mac = from_base64url(wire.substr(dot + 1));
  if (!json || !mac) return std::nullopt;
  if (!constant_time_equal(view(mac_of(label, *json, link_secret)), *mac)) return std::nullopt;
  return json;
}

std::string text_of(const json::object& o, std::string_view name) {
  return std::string(json::find_string(o, name).value_or(""));
}

std::uint64_t unsigned_of(const json::object& o, std::string_view name) {
  const json::value* v = json::find(o, name);
  if (v && v->is_uint64()) return v->get_uint64();
  return v && v->is_int64() && v->get_int64() >= 0 ? static_cast<std::uint64_t>(v->get_int64()) : 0;
}

std::int64_t integer_of(const json::object& o, std::string_view name) {
  return json::find_int(o, name).value_or(0);
}

bool bool_of(const json::object& o, std::string_view name) {
  return json::find_bool(o, name).value_or(false);
}

std::vector<std::string> texts_of(const json::object& o, std::string_view name) {
  std::vector<std::string> out;
  if (const json::array* items = json::find_array(o, name)) {
    for (const json::value& item : *items) {
      if (item.is_string()) out.emplace_back(item.get_string());
    }
  }
  return out;
}

void ObjectWriter::name(std::string_view name) {
  if (!std::exchange(first_, false)) out_ += ',';
  json::append_quoted(out_, name);
  out_ += ':';
}

void ObjectWriter::add(std::string_view name_, std::string_view text) {
  name(name_);
  json::append_quoted(out_, text);
}
void ObjectWriter::add(std::string_view name_, std::int64_t number) {
  raw(name_, std::to_string(number));
}
void ObjectWriter::add(std::string_view name_, std::uint64_t number) {
  raw(name_, std::to_string(number));
}
void ObjectWriter::raw(std::string_view name_, std::string_view json) {
  name(name_);
  out_ += json;
}
void ObjectWriter::add(std::string_view name_, const std::vector<std::string>& texts) {
  name(name_);
  out_ += '[';
  bool first = true;
  for (const std::string& text : texts) {
    if (!std::exchange(first, false)) out_ += ',';
    json::append_quoted(out_, text);
  }
  out_ += ']';
}

bool is_hex_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace tidegate::peer
