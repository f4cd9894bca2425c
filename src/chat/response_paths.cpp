#include "chat/response_paths.hpp"

namespace tidegate::chat {
namespace {

// RFC 6901, section 4: one reference token without its escapes.
std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out += !escape ? token[i] : token[++i] == '1' ? '/' : '~';
  }
  return out;
}

// A value at a path into objects, which are made where they are missing.
void place(json::object& out, std::string_view path, json::value value) {
  json::object* holder = &out;
  for (path.remove_prefix(1);;) {
    const auto slash = path.find('/');
    json::value& member = (*holder)[unescaped(path.substr(0, slash))];
    if (slash == std::string_view::npos) {
      member = std::move(value);
      return;
    }
    holder = member.is_object() ? &member.get_object() : &member.emplace_object();
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

void collect(const json::value& answer, std::span<const std::string> paths, json::object& out) {
  for (const std::string& path : paths) {
    boost::system::error_code missing;
    const json::value* found = answer.find_pointer(path, missing);
    if (found && !missing) place(out, path, json::value(*found, {}));
  }
}

}  // namespace tidegate::chat
