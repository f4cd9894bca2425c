// The admin API of running gateways, over their Unix sockets.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/blocking_http.hpp"

namespace CLI {
class App;
}

namespace tidegate::cli {

// Where the sockets are: --socket PATH, as often as there are gateways, or admin.sock in --home (or
// $TIDEGATE_HOME) and in each folder of it.
struct AdminTarget {
  std::vector<std::string> sockets;
  std::string home;
  bool given() const { return !sockets.empty() || !home.empty(); }
  void add_options(CLI::App& command);
};

struct AdminSocket {
  std::string path;
  std::string region;  // the folder's name; may be empty
};
// Sorted by path. Errors: configuration, where none is to be found.
Result<std::vector<AdminSocket>> find_admin_sockets(const AdminTarget& target);

// The socket of that Region's gateway; gateways whose folder does not say are asked. An empty name:
// the only one. Errors: peer_unavailable, where it is not found.
Result<std::string> socket_of(const AdminTarget& target, const std::string& region);

// The JSON of a good answer. Errors: peer_unavailable, or the gateway's own with its code, message
// and mend.
Result<json::value> admin_get(const std::string& socket, const std::string& target);
Result<json::value> admin_post(const std::string& socket, const std::string& target,
                               const json::value& body);
Result<json::value> admin_post_text(const std::string& socket, const std::string& target,
                                    std::string body);

// Percent-encodes a query's value.
std::string query_escaped(std::string_view text);

}  // namespace tidegate::cli
