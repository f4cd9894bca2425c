#include "config/region.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "catalog/limits.hpp"
#include "config/region_tables.hpp"

namespace tidegate::config {
namespace {

using gateway::RegionConfig;

// Where a member stands; where it is missing, the section that should have it. (yaml-cpp throws on
// marks of what is not there, and on members of what is no map.)
YAML::Mark mark_in(const YAML::Node& section, std::string_view key) {
  if (!section.IsMap()) return section.Mark();
  const YAML::Node member = section[std::string(key)];
  return member.IsDefined() ? member.Mark() : section.Mark();
}

YAML::Mark mark_of(const YAML::Node& root, std::string_view section, std::string_view key) {
  const YAML::Node inner = root[std::string(section)];
  return inner.IsDefined() ? mark_in(inner, key) : root.Mark();
}

YAML::Mark mark_of_item(const YAML::Node& root, std::string_view list, std::size_t index,
                        std::string_view key) {
  return mark_in(root[std::string(list)][index], key);
}

std::vector<std::string_view> region_names(const catalog::Catalog& catalog) {
  std::vector<std::string_view> names;
  for (const auto& region : catalog.regions()) names.push_back(region.id.str());
  return names;
}

class CrossChecks {
 public:
  CrossChecks(Reader& reader, const YAML::Node& root, const RegionConfig& config,
              const catalog::Catalog* catalog)
      : reader_(reader), root_(root), config_(config), catalog_(catalog) {}

  void run() {
    region(mark_in(root_, "region"), "region", config_.region);
    backends();
    models();
    peers();
    signers();
    certificates("api", config_.api_tls);
    certificates("peer", config_.peer_tls);
    if ((config_.peer.port != 0 || !config_.peers.empty()) && config_.peer_tls.empty()) {
      reader_.problem(root_.Mark(), "\"tls.peer\" is missing",
                      "links between Regions are mutual TLS, and this Region has links",
                      "tidegate pki issue --region " + config_.region.str() +
                          ", then set tls.peer.certificate and tls.peer.key");
    }
    if (config_.admin_socket.size() > limits::unix_socket_path_bytes_max) {
      reader_.problem(
          mark_of(root_, "listen", "admin"), "the path of the admin socket is too long",
          fmt::format("{} has {} bytes; a Unix socket's path has at most {}", config_.admin_socket,
                      config_.admin_socket.size(), limits::unix_socket_path_bytes_max),
          "set listen.admin to a shorter path");
    }
  }

 private:
  void region(const YAML::Mark& mark, std::string_view key, const catalog::RegionId& region) {
    if (!catalog_ || region.str().empty() || catalog_->region(region)) return;
    reader_.problem(mark, fmt::format("\"{}\" is \"{}\"", key, region.str()),
                    "the catalogue knows no such Region",
                    did_you_mean(region.str(), region_names(*catalog_)));
  }

  // True (and a problem) if the name was there before.
  bool duplicate(std::set<std::string>& seen, const std::string& name, std::string_view list,
                 std::size_t index, std::string_view key) {
    if (seen.insert(name).second || name.empty()) return false;
    reader_.problem(
        mark_of_item(root_, list, index, key), fmt::format("\"{}\" is in {} twice", name, list),
        fmt::format("each \"{}\" may be there once", key), "remove or rename one of them");
    return true;
  }

  void backends() {
    for (std::size_t i = 0; i < config_.backends.size(); ++i) {
      if (!duplicate(backends_, config_.backends[i].name, "backends", i, "name")) {
        names_.push_back(config_.backends[i].name);
      }
      if (config_.backends[i].kind == model::BackendKind::bedrock) bedrock(i);
      network(i);
      not_at_a_peer(i);
    }
  }

  // By the operator's own word another Region is at that address. (Regions on one host, as in the
  // demo, cannot be told apart by it.)
  void not_at_a_peer(std::size_t index) {
    const auto& backend = config_.backends[index];
    if (backend.host.starts_with("127.") || backend.host == "::1") return;
    for (const auto& peer : config_.peers) {
      const bool same_host = peer.host == config_.peer.host || peer.host == config_.api.host;
      if (backend.host != peer.host || same_host) continue;
      reader_.problem(
          mark_of_item(root_, "backends", index, "url"),
          fmt::format("\"url\" names {}, where {} is", backend.host, peer.region.str()),
          fmt::format("this gateway is {}, and its models must run there", config_.region.str()),
          "name a model server of this Region; others are reached over their gateways");
    }
  }

  // A literal address is known now; a name's is looked at whenever it is resolved.
  void network(std::size_t index) {
    const auto& backend = config_.backends[index];
    const auto address = parse_ip(backend.host);
    if (!address || in_networks(config_.backend_networks, *address)) return;
    std::string networks;
    for (const auto& one : config_.backend_networks)
      networks += (networks.empty() ? "" : ", ") + one.text;
    reader_.problem(mark_of_item(root_, "backends", index, "url"),
                    fmt::format("\"url\" names {}", backend.host),
                    fmt::format("the networks of this Region's back-ends are {}", networks),
                    "correct the address, or add its network to backend_networks");
  }

  // A Bedrock of another Region would be a way around the fence.
  void bedrock(std::size_t index) {
    const auto& backend = config_.backends[index];
    const bool of_aws =
        backend.host.ends_with(".amazonaws.com") || backend.host.ends_with(".api.aws");
    if (of_aws && !backend.host.contains("." + config_.region.str() + ".")) {
      reader_.problem(
          mark_of_item(root_, "backends", index, "url"),
          fmt::format("\"url\" names {}", backend.host),
          fmt::format("this gateway is {}, and its models must run there", config_.region.str()),
          fmt::format("write https://bedrock-runtime.{}.amazonaws.com", config_.region.str()));
    }
    const bool signs = !backend.credentials.key_id.empty() && !backend.credentials.secret.empty();
    if (!signs && backend.api_key.empty()) {
      reader_.problem(mark_of_item(root_, "backends", index, "kind"),
                      fmt::format("{} has no credentials", backend.name),
                      "Amazon Bedrock answers nobody without them",
                      "set access_key_id and secret_access_key, or api_key");
    }
  }

  void bedrock_model(std::size_t index) {
    const auto& model = config_.models[index];
    const auto backend =
        std::ranges::find(config_.backends, model.backend, &model::BackendConfig::name);
    if (backend == config_.backends.end() || backend->kind != model::BackendKind::bedrock) return;
    if (model::is_in_region_model(model.served_as) &&
        !(catalog_ && catalog_->profile(model.served_as)))
      return;
    reader_.problem(mark_of_item(root_, "models", index, "served_as"),
                    fmt::format("\"served_as\" is \"{}\"", model.served_as),
                    "AWS would route an inference profile or an ARN onwards, to Regions that this "
                    "gateway does not choose",
                    "name the bare id of a model that the Region itself runs");
  }

  void models() {
    std::set<std::string> seen;
    std::vector<std::string_view> known;
    if (catalog_) {
      for (const auto& [id, model] : catalog_->models()) known.push_back(id);
    }
    for (std::size_t i = 0; i < config_.models.size(); ++i) {
      const auto& model = config_.models[i];
      duplicate(seen, model.model_id, "models", i, "id");
      if (catalog_ && !model.model_id.empty() && !catalog_->model(model.model_id)) {
        reader_.problem(mark_of_item(root_, "models", i, "id"),
                        fmt::format("\"id\" is \"{}\"", model.model_id),
                        "the catalogue knows no such model", did_you_mean(model.model_id, known));
      }
      if (!model.backend.empty() && !backends_.contains(model.backend)) {
        reader_.problem(mark_of_item(root_, "models", i, "backend"),
                        fmt::format("\"backend\" is \"{}\"", model.backend),
                        "no entry of backends has this name", did_you_mean(model.backend, names_));
      }
      bedrock_model(i);
    }
  }

  void peers() {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < config_.peers.size(); ++i) {
      const auto& peer = config_.peers[i];
      region(mark_of_item(root_, "peers", i, "region"), "region", peer.region);
      duplicate(seen, peer.region.str(), "peers", i, "region");
      if (peer.region == config_.region && !peer.region.str().empty()) {
        reader_.problem(mark_of_item(root_, "peers", i, "region"), "a peer is this Region itself",
                        fmt::format("this file configures {}", config_.region.str()),
                        "list the other Regions only");
      }
    }
  }

  void signers() {
    std::set<std::string> seen;
    for (const auto& signer : config_.catalog_signers) {
      if (signer.name.empty()) {
        reader_.problem(mark_of(root_, "catalog", "signers"), "a signer has an empty name",
                        "the record must say who signed", "write their name");
      }
      if (seen.insert(signer.name).second) continue;
      reader_.problem(mark_of(root_, "catalog", "signers"),
                      fmt::format("the signer {} is there twice", signer.name),
                      "two signatures must be by two people", "remove or rename one of them");
    }
    if (config_.catalog_signers.size() > limits::catalog_signers_max) {
      reader_.problem(mark_of(root_, "catalog", "signers"), "there are too many signers",
                      fmt::format("at most {} are trusted", limits::catalog_signers_max),
                      "remove those who do not sign any more");
    }
  }

  void certificates(std::string_view which, const gateway::TlsFiles& files) {
    if (files.certificate.empty() == files.key.empty()) return;
    reader_.problem(
        mark_of(root_, "tls", which),
        fmt::format("tls.{} has {} only", which, files.key.empty() ? "a certificate" : "a key"),
        "a certificate and its key belong together",
        fmt::format("set both tls.{0}.certificate and tls.{0}.key", which));
  }

  Reader& reader_;
  const YAML::Node& root_;
  const RegionConfig& config_;
  const catalog::Catalog* catalog_;
  std::set<std::string> backends_;
  std::vector<std::string_view> names_;
};

}  // namespace

Checked<RegionConfig> parse_region_config(const std::string& text, const std::string& file,
                                          const std::filesystem::path& directory,
                                          const catalog::Catalog* catalog) {
  Reader reader(file, directory);
  RegionConfig config;
  if (const YAML::Node root = reader.parse(text); root.IsDefined()) {
    read_section(reader, root, "the file", region_table(), config);
    if (config.admin_socket.empty() && !config.state_dir.empty())
      config.admin_socket = config.state_dir + "/admin.sock";
    if (root.IsMap()) CrossChecks(reader, root, config, catalog).run();
  }
  if (!reader.problems().empty()) return std::unexpected(reader.take_problems());
  return config;
}

Checked<RegionConfig> check_region_config(const std::filesystem::path& file,
                                          const catalog::Catalog* catalog) {
  const auto text = read_file(file, limits::configuration_bytes_max);
  if (!text) return std::unexpected(std::vector<Error>{text.error()});
  return parse_region_config(*text, file.string(), std::filesystem::absolute(file).parent_path(),
                             catalog);
}

Result<RegionConfig> load_region_config(const std::filesystem::path& file,
                                        const catalog::Catalog* catalog) {
  auto config = check_region_config(file, catalog);
  if (config) return std::move(*config);
  Error first = config.error().front();
  if (config.error().size() > 1) {
    first.mend += fmt::format(" (and {} more: tidegate check -c {})", config.error().size() - 1,
                              file.string());
  }
  return fail(std::move(first));
}

std::vector<KeyText> region_reference() {
  std::vector<KeyText> lines;
  describe_keys(region_table(), "", lines);
  return lines;
}

Result<std::string> read_file(const std::filesystem::path& file, std::size_t bytes_max) {
  const auto refuse = [&](std::string what, std::string why, std::string mend) {
    return fail({.code = ErrorCode::configuration,
                 .message = file.string() + ": " + what,
                 .mend = std::move(mend),
                 .why = std::move(why)});
  };
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    return refuse("there is no such file", "nothing is at this path", "check the path");
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file, error)) {
    return refuse("it cannot be read", "it is a folder, or this user may not read it",
                  "check the path and its permissions");
  }
  std::string text(bytes_max + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > bytes_max) {
    return refuse("it is too large", fmt::format("at most {} bytes are read", bytes_max),
                  "is it the right file?");
  }
  return text;
}

}  // namespace tidegate::config
