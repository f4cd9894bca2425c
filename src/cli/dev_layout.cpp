#include "cli/dev_layout.hpp"

#include <fmt/format.h>

#include <set>

#include "aws/sigv4.hpp"
#include "base/bytes.hpp"
#include "base/json.hpp"
#include "catalog/catalog.hpp"
#include "cli/files.hpp"
#include "cli/pki.hpp"
#include "config/did_you_mean.hpp"
#include "config/region.hpp"
#include "identity/api_key.hpp"

namespace tidegate::cli {
namespace {

constexpr std::string_view operator_domain = "tidegate.internal";
constexpr std::string_view node = "1";
constexpr int peer_ports_from = 100, model_ports_from = 300, regions_max = 99;
constexpr std::chrono::days renew_before{30};

// What each of these really is stands in every answer's x-tidegate-model.
constexpr std::string_view chat_model = "smollm2-135m-instruct";
constexpr std::string_view served_as = "smollm2";
constexpr std::string_view models[] = {
    "amazon.nova-2-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-haiku-4-5-20251001-v1:0", "cohere.embed-v4:0"};

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}

std::string region_yaml(const DevOptions& options, const DevLayout& layout, const DevRegion& self) {
  std::string text = fmt::format(
      R"(# Written by `tidegate dev` at each start: to change it for good, run `tidegate serve -c` on a copy.
region: {0}
operator_domain: {1}
node: "{2}"
state_dir: .
listen: {{api: "127.0.0.1:{3}", peer: "127.0.0.1:{4}"}}
tls:
  api:  {{certificate: ../pki/{0}/{2}-api.pem, key: ../pki/{0}/{2}-api.key}}
  peer: {{certificate: ../pki/{0}/{2}-peer.pem, key: ../pki/{0}/{2}-peer.key}}
global_profiles: on   # still only for principals with a grant
backends:
  - {{name: llama, kind: openai, url: "http://127.0.0.1:{5}", tools: schema, slots: {6}}}
models:
)",
      self.name, operator_domain, node, self.api_port, self.peer_port, self.model_port,
      options.slots);
  for (const std::string_view model : models) {
    text += fmt::format(
        "  - {{id: \"{}\", backend: llama, served_as: {}, name: {}, additional_fields: "
        "[/inferenceConfig/topK, /top_k]}}\n",
        model, served_as, chat_model);
  }
  if (layout.regions.size() > 1) text += "peers:\n";
  for (const DevRegion& other : layout.regions) {
    if (other.name == self.name) continue;
    text += fmt::format(
        "  - {{region: {}, address: \"127.0.0.1:{}\", trust_bundle: ../pki/{}/ca.pem}}\n",
        other.name, other.peer_port, other.name);
  }
  return text;
}

constexpr std::string_view documents_yaml =
    R"(# Written by `tidegate dev` at each start; applied to every Region.
policies:
  - name: use-models-and-read-the-record
    document:
      Version: "2012-10-17"
      Statement:
        - Sid: Models
          Effect: Allow
          Action: ["bedrock:InvokeModel*", "bedrock:CountTokens", "bedrock:Get*", "bedrock:List*"]
          Resource: "*"
        - Sid: OwnProfiles
          Effect: Allow
          Action: ["bedrock:CreateInferenceProfile", "bedrock:DeleteInferenceProfile", "bedrock:TagResource", "bedrock:UntagResource"]
          Resource: "*"
        - Sid: Records
          Effect: Allow
          Action: "cloudtrail:LookupEvents"
          Resource: "*"
        - Sid: ApiKeys
          Effect: Allow
          Action: "bedrock:CallWithBearerToken"
          Resource: "*"
principals:
  - arn: arn:aws:iam::111122223333:user/demo
    policies: [use-models-and-read-the-record]
  - arn: arn:aws:iam::111122223333:user/global
    policies: [use-models-and-read-the-record]
    global_grant: on
keys:
  - id: ${file:keys/demo.id}
    secret: ${file:keys/demo.secret}
    principal: arn:aws:iam::111122223333:user/demo
  - id: ${file:keys/global.id}
    secret: ${file:keys/global.secret}
    principal: arn:aws:iam::111122223333:user/global
api_keys:
  - name: demo
    principal: arn:aws:iam::111122223333:user/demo
)";

// The key that is there, or a new one; of it the documents have the digest, and a fresh expiry.
Result<std::string> keep_api_key(const std::filesystem::path& file, Rng& rng) {
  if (auto text = config::read_file(file, 1024)) return *std::move(text);
  std::string text = identity::make_api_key(rng);
  TRY_VOID(write_file(file, text, private_mode));
  return text;
}

std::string documents_of(const DevLayout& layout, WallTime now) {
  return fmt::format("{}    sha256: {}\n    expires: {}\n", documents_yaml,
                     to_hex(sha256(layout.api_key)),
                     aws::iso8601(std::chrono::floor<std::chrono::seconds>(now + renew_before)));
}

// Leaves a file alone that already says this.
Result<void> write_if_changed(const std::filesystem::path& file, std::string_view content,
                              mode_t mode) {
  const auto present = config::read_file(file, limits::configuration_bytes_max);
  if (present && *present == content) return {};
  return write_file(file, content, mode);
}

std::string random_text(Rng& rng, std::size_t size, std::string_view alphabet) {
  std::string text;
  while (text.size() < size) text += alphabet[rng.below(alphabet.size())];
  return text;
}

// The key that is there, or a new one.
Result<DevLayout::Key> keep_key(const std::filesystem::path& folder, const std::string& name,
                                Rng& rng) {
  constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr std::string_view base64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto id = config::read_file(folder / (name + ".id"), 1024);
  const auto secret = config::read_file(folder / (name + ".secret"), 1024);
  if (id && secret) return DevLayout::Key{*id, *secret};
  DevLayout::Key key{"AKIA" + random_text(rng, 16, base32), random_text(rng, 40, base64)};
  TRY_VOID(write_file(folder / (name + ".id"), key.id, private_mode));
  TRY_VOID(write_file(folder / (name + ".secret"), key.secret, private_mode));
  return key;
}

Result<void> keep_certificates(const DevOptions& options, WallTime now) {
  const pki::Paths paths{options.state / "pki"};
  TRY_VOID(pki::init(paths, std::string(operator_domain), options.regions, now));
  for (const std::string& region : options.regions) {
    const std::string uri = fmt::format("spiffe://{}.{}/gw/{}", region, operator_domain, node);
    const std::string name(node);
    // Good for another month: the demo may run long.
    const bool good = pki::check_pair(paths.peer(region, name), paths.peer_key(region, name), uri,
                                      now + renew_before) &&
                      pki::check_pair(paths.api(region, name), paths.api_key(region, name), "",
                                      now + renew_before);
    if (good) continue;
    pki::IssueRequest request;
    request.region = region;
    request.node = name;
    TRY_VOID(pki::issue(paths, request, now));
  }
  return {};
}

}  // namespace

Result<DevLayout> plan_dev(const DevOptions& options) {
  const auto catalog = catalog::Catalog::built_in();
  std::vector<std::string_view> known;
  for (const auto& region : catalog->regions()) known.push_back(region.id.str());
  if (options.regions.empty() || options.regions.size() > regions_max) {
    return wrong("there are no Regions, or too many",
                 fmt::format("1 to {} can run on one host", regions_max),
                 "--regions eu-south-1,eu-central-1");
  }
  if (options.base_port < 1024 || options.base_port > 65'535 - model_ports_from - regions_max) {
    return wrong(fmt::format("--base-port {} is out of range", options.base_port),
                 "its block of 400 ports must be from 1024 to 65535", "--base-port 7100");
  }
  DevLayout layout;
  std::set<std::string> seen;
  for (const std::string& name : options.regions) {
    if (!catalog->region(catalog::RegionId(name)))
      return wrong(fmt::format("\"{}\" is not a Region", name),
                   "the catalogue knows no such Region", config::did_you_mean(name, known));
    if (!seen.insert(name).second)
      return wrong(fmt::format("{} is named twice", name), "each Region runs once",
                   "remove one from --regions");
    const int number = options.base_port + static_cast<int>(layout.regions.size()) + 1;
    const auto port = [number](int offset) { return static_cast<std::uint16_t>(number + offset); };
    layout.regions.push_back(
        {name, options.state / name, port(0), port(peer_ports_from), port(model_ports_from)});
  }
  layout.documents = options.state / "documents.yaml";
  layout.api_ca = pki::Paths{options.state / "pki"}.api_ca();
  return layout;
}

Result<void> lay_down(const DevOptions& options, DevLayout& layout, Rng& rng, WallTime now) {
  TRY_VOID(make_directory(options.state / "keys"));
  TRY(layout.demo, keep_key(options.state / "keys", "demo", rng));
  TRY(layout.granted, keep_key(options.state / "keys", "global", rng));
  TRY_VOID(keep_certificates(options, now));
  TRY(layout.api_key, keep_api_key(options.state / "keys" / "demo.api-key", rng));
  TRY_VOID(write_if_changed(layout.documents, documents_of(layout, now), private_mode));
  for (const DevRegion& region : layout.regions) {
    TRY_VOID(make_directory(region.folder));
    TRY_VOID(write_if_changed(region.config(), region_yaml(options, layout, region), private_mode));
  }
  return {};
}

std::string dev_environment(const DevLayout& layout) {
  json::object regions;
  for (const DevRegion& region : layout.regions) {
    regions[region.name] =
        json::object{{"url", fmt::format("http://127.0.0.1:{}", region.api_port)},
                     {"tls_url", fmt::format("https://localhost:{}", region.api_port)},
                     {"ca", layout.api_ca.string()},
                     {"admin_socket", region.admin_socket().string()},
                     {"model_url", fmt::format("http://127.0.0.1:{}", region.model_port)}};
  }
  const auto key = [](const DevLayout::Key& k) {
    return json::object{{"access_key_id", k.id}, {"secret_access_key", k.secret}};
  };
  return json::serialize(json::object{
             {"regions", std::move(regions)},
             {"api_key", layout.api_key},
             {"keys", json::object{{"demo", key(layout.demo)}, {"global", key(layout.granted)}}}}) +
         "\n";
}

}  // namespace tidegate::cli
