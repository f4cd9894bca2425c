// What `tidegate dev` lays down before it starts anything: certificates, a configuration file a
// Region, documents and keys. All of it is what an operator would write by hand for `tidegate
// serve`; there is no demo mode in the gateway.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"

namespace tidegate::cli {

struct DevOptions {
  std::filesystem::path state;       // absolute
  std::string python, model_server;  // run as PYTHON MODEL_SERVER --port P --slots N
  std::vector<std::string> regions;
  int base_port = 7100;
  int slots = 2;  // of each Region's model server
};

struct DevRegion {
  std::string name;
  std::filesystem::path folder;  // state/NAME: tidegate.yaml, audit records, admin.sock, logs
  std::uint16_t api_port, peer_port, model_port;
  std::filesystem::path config() const { return folder / "tidegate.yaml"; }
  std::filesystem::path admin_socket() const { return folder / "admin.sock"; }
};

struct DevLayout {
  std::vector<DevRegion> regions;
  std::filesystem::path documents;  // documents.yaml
  std::filesystem::path api_ca;     // for clients that use TLS
  struct Key {
    std::string id, secret;
  };
  Key demo, granted;    // user/demo, user/global
  std::string api_key;  // user/demo's
};

// Where everything is, without touching the disk. Errors: configuration.
Result<DevLayout> plan_dev(const DevOptions& options);
// Writes what is missing or out of date; keys and certificates that are there stay. Errors:
// configuration.
Result<void> lay_down(const DevOptions& options, DevLayout& layout, Rng& rng, WallTime now);
// env.json: how to reach the Regions, and as whom.
std::string dev_environment(const DevLayout& layout);

}  // namespace tidegate::cli
