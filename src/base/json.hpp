// JSON: Boost.JSON with our limits (depth, no duplicate keys, strict UTF-8, nothing after the
// value), readers that name the member they wanted, and the canonical form of RFC 8785 for what is
// hashed or signed.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidegate::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

// Strict parse. Errors: malformed_json, with the reason and the offset in bytes. The value is made
// in `storage`, which must outlive it and everything that is copied from it without a storage of
// its own.
Result<value> parse(std::string_view text, boost::json::storage_ptr storage = {});

// Where a document that is read and thrown away is made: on the stack, if it is not large.
class Arena {
 public:
  boost::json::storage_ptr storage() { return &resource_; }

 private:
  unsigned char buffer_[8192];
  boost::json::monotonic_resource resource_{buffer_, sizeof buffer_};
};

std::string serialize(const value& v);

// RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, shortest numbers,
// no white space.
std::string canonical(const value& v);

// Appends `text` as a JSON string, quotes included.
void append_quoted(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t number);

// Members of an object, null and absent alike; nullptr or nullopt where absent or of another type.
const value* find(const object& o, std::string_view name);
const object* find_object(const object& o, std::string_view name);
const array* find_array(const object& o, std::string_view name);
std::optional<std::string_view> find_string(const object& o, std::string_view name);
std::optional<std::int64_t> find_int(const object& o, std::string_view name);
std::optional<double> find_number(const object& o, std::string_view name);
std::optional<bool> find_bool(const object& o, std::string_view name);

}  // namespace tidegate::json
