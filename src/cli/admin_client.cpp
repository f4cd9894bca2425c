#include "cli/admin_client.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

namespace tidegate::cli {
namespace {

ErrorCode code_named(std::string_view name) {
  for (int i = 0; i < static_cast<int>(ErrorCode::count_); ++i) {
    if (name_of(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::internal;
}

Result<json::value> read_answer(const std::string& socket, const Answer& answer) {
  auto parsed = json::parse(answer.body);
  if (parsed && answer.head.status < 300) return parsed;
  const json::object* error =
      parsed && parsed->is_object() ? json::find_object(parsed->get_object(), "error") : nullptr;
  if (!error) {
    return fail(
        {.code = ErrorCode::internal,
         .origin = Origin::peer,
         .message = fmt::format("{} answered status {} without JSON", socket, answer.head.status),
         .mend = "is the socket a tidegate's?",
         .why = {}});
  }
  return fail(
      {.code = code_named(json::find_string(*error, "code").value_or("")),
       .origin = Origin::peer,
       .message = std::string(json::find_string(*error, "message").value_or("the gateway refused")),
       .mend = std::string(json::find_string(*error, "mend").value_or("")),
       .why = std::string(json::find_string(*error, "why").value_or(""))});
}

http::RequestHead head_of(std::string method, const std::string& target) {
  http::RequestHead head{.method = std::move(method),
                         .target = target,
                         .authority = {},
                         .headers = {{"host", "localhost"}}};
  if (head.method == "POST") head.headers.add("content-type", "application/json");
  return head;
}

}  // namespace

void AdminTarget::add_options(CLI::App& command) {
  command.add_option("--socket", sockets, "A gateway's admin socket; once for each gateway")
      ->allow_extra_args(false);
  command.add_option(
      "--home", home,
      "Folder with admin.sock, or with one folder a Region that has it (default: $TIDEGATE_HOME)");
}

Result<std::vector<AdminSocket>> find_admin_sockets(const AdminTarget& target) {
  namespace fs = std::filesystem;
  std::vector<AdminSocket> sockets;
  for (const std::string& path : target.sockets) sockets.push_back({path, ""});
  if (!sockets.empty()) return sockets;
  std::string home = target.home;
  if (const char* from_environment = std::getenv("TIDEGATE_HOME"); home.empty() && from_environment)
    home = from_environment;
  std::error_code error;
  if (!home.empty()) {
    if (fs::exists(fs::path(home) / "admin.sock", error))
      sockets.push_back({(fs::path(home) / "admin.sock").string(), ""});
    for (const auto& entry : fs::directory_iterator(home, error)) {
      const auto socket = entry.path() / "admin.sock";
      std::error_code absent;
      if (fs::exists(socket, absent))
        sockets.push_back({socket.string(), entry.path().filename().string()});
    }
  }
  if (sockets.empty()) {
    return fail({.code = ErrorCode::peer_unavailable,
                 .message = "no running gateway was found",
                 .mend = "start one, or name it: --socket STATE_DIR/admin.sock, or --home FOLDER",
                 .why = home.empty() ? "neither --socket, --home nor TIDEGATE_HOME is set"
                                     : "there is no admin.sock in " + home});
  }
  std::ranges::sort(sockets, {}, &AdminSocket::path);
  return sockets;
}

Result<json::value> admin_get(const std::string& socket, const std::string& target) {
  TRY(const auto answer, call({.socket = socket, .host = {}}, head_of("GET", target), ""));
  return read_answer(socket, answer);
}

Result<json::value> admin_post(const std::string& socket, const std::string& target,
                               const json::value& body) {
  return admin_post_text(socket, target, json::serialize(body));
}

Result<json::value> admin_post_text(const std::string& socket, const std::string& target,
                                    std::string body) {
  TRY(const auto answer,
      call({.socket = socket, .host = {}}, head_of("POST", target), std::move(body)));
  return read_answer(socket, answer);
}

std::string query_escaped(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    const bool plain = std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return out;
}

Result<std::string> socket_of(const AdminTarget& target, const std::string& region) {
  TRY(const auto sockets, find_admin_sockets(target));
  std::vector<std::string> others;
  for (const AdminSocket& socket : sockets) {
    if (socket.region == region) return socket.path;
    if (!socket.region.empty()) {
      others.push_back(socket.region);
      continue;
    }
    TRY(const auto answer,
        admin_get(socket.path, "/v1/status"));  // only its gateway knows which Region it is
    const auto name =
        answer.is_object() ? json::find_string(answer.get_object(), "region") : std::nullopt;
    if (name == region || region.empty()) return socket.path;
    others.emplace_back(name.value_or("?"));
  }
  return fail({.code = ErrorCode::peer_unavailable,
               .message = fmt::format("no gateway of {} was found", region),
               .mend = "name its socket: --socket STATE_DIR/admin.sock, or its folder: --home",
               .why = fmt::format("those that were found are {}", fmt::join(others, ", "))});
}

}  // namespace tidegate::cli
