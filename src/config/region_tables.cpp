// Every key of tidegate.yaml, once: its name, type, default, meaning and where it goes.
#include "config/region_tables.hpp"

#include <fmt/format.h>

#include "config/backend_url.hpp"
#include "config/region.hpp"

namespace tidegate::config {
namespace {

using gateway::RegionConfig;
constexpr auto required = Presence::required;
constexpr auto optional = Presence::optional;

// ---- readers that several keys share

template <class T, class Member>
void store_text(Reader& reader, const YAML::Node& node, std::string_view name, T& out,
                Member member) {
  auto value = reader.text(node, name);
  if (!value) return;
  if (value->empty()) {
    reader.problem(node.Mark(), fmt::format("\"{}\" is empty", name), "it needs a value",
                   "write one, or remove the key");
    return;
  }
  out.*member = std::move(*value);
}

void store_region(Reader& reader, const YAML::Node& node, catalog::RegionId& out) {
  if (auto value = reader.text(node, "region")) out = catalog::RegionId(std::move(*value));
}

// Names that become part of a host name or of a URI's path: lower case, digits, '-', '_' and, in a
// domain, '.'.
void store_name(Reader& reader, const YAML::Node& node, std::string_view name, bool dots,
                std::string& out) {
  auto value = reader.text(node, name);
  if (!value) return;
  const auto allowed = [dots](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (dots && c == '.');
  };
  constexpr std::size_t name_bytes_max = 200;  // a trust domain, REGION.DOMAIN, has at most 255
  const bool edges = !value->empty() && value->front() != '.' && value->back() != '.';
  if (!edges || value->size() > name_bytes_max ||
      !std::all_of(value->begin(), value->end(), allowed) ||
      value->find("..") != std::string::npos) {
    reader.problem(
        node.Mark(), fmt::format("\"{}\" is \"{}\"", name, *value),
        dots ? "it must be a domain in lower case, as it stands in certificates"
             : "it must be lower-case letters, digits, - and _",
        dots ? "write it like \"tidegate.internal\"" : "write it like \"1\" or \"milan-a\"");
    return;
  }
  out = std::move(*value);
}

void store_address(Reader& reader, const YAML::Node& node, std::string_view name,
                   gateway::Address& out) {
  const auto value = reader.text(node, name);
  if (!value) return;
  auto address = parse_address(*value);
  if (!address) {
    reader.problem(node.Mark(), fmt::format("\"{}\" is \"{}\"", name, *value),
                   "it must be a literal IP address and a port: a gateway resolves no names",
                   "write it like 127.0.0.1:7101 or [::1]:7101");
    return;
  }
  out = std::move(*address);
}

template <class T>
void store_integer(Reader& reader, const YAML::Node& node, std::string_view name, std::int64_t min,
                   std::int64_t max, T& out) {
  if (const auto value = reader.integer(node, name, min, max)) out = static_cast<T>(*value);
}

template <class E, std::size_t n>
void store_choice(Reader& reader, const YAML::Node& node, std::string_view name,
                  const std::array<std::pair<std::string_view, E>, n>& choices, E& out) {
  std::array<std::string_view, n> words;
  std::transform(choices.begin(), choices.end(), words.begin(),
                 [](const auto& choice) { return choice.first; });
  if (const auto index = reader.choice(node, name, words)) out = choices[*index].second;
}

template <class T>
void describe(Table<T> table, const std::string& prefix, std::vector<KeyText>& out) {
  describe_keys(table, prefix, out);
}

// ---- listen

const Key<RegionConfig> listen_keys[] = {
    {"api", "address", required, "",
     "Where clients call: HTTP/1.1, HTTP/2 and, with tls.api, both over TLS, on one port.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_address(r, n, "listen.api", c.api);
     }},
    {"peer", "address", optional, "none: no other Region may send here",
     "Where other Regions call: HTTP/2 over mutual TLS 1.3.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_address(r, n, "listen.peer", c.peer);
     }},
    {"admin", "path", optional, "STATE_DIR/admin.sock",
     "The Unix socket of the admin API; only its owner may connect.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       if (auto path = r.path(n, "listen.admin")) c.admin_socket = std::move(*path);
     }},
};

// ---- tls

const Key<gateway::TlsFiles> tls_files_keys[] = {
    {"certificate", "path", optional, "none", "PEM file: the certificate, then its intermediates.",
     [](Reader& r, const YAML::Node& n, gateway::TlsFiles& f) {
       if (auto path = r.path(n, "certificate")) f.certificate = std::move(*path);
     }},
    {"key", "path", optional, "none", "PEM file of the certificate's private key; mode 0600.",
     [](Reader& r, const YAML::Node& n, gateway::TlsFiles& f) {
       if (auto path = r.path(n, "key")) f.key = std::move(*path);
     }},
};

const Key<RegionConfig> tls_keys[] = {
    {"api", "section", optional, "none: the public port speaks no TLS",
     "The certificate that clients see.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "tls.api", Table<gateway::TlsFiles>(tls_files_keys), c.api_tls);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<gateway::TlsFiles>(tls_files_keys), p + ".", out);
     }},
    {"peer", "section", optional, "none; required with listen.peer or peers",
     "The certificate that other Regions see, with the URI "
     "spiffe://REGION.OPERATOR_DOMAIN/gw/NODE.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "tls.peer", Table<gateway::TlsFiles>(tls_files_keys), c.peer_tls);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<gateway::TlsFiles>(tls_files_keys), p + ".", out);
     }},
};

// ---- audit, log

const Key<RegionConfig> audit_keys[] = {
    {"durability", "relaxed | strict", optional, "relaxed",
     "strict: an answer's last byte waits until its record is on disk; relaxed: power loss may "
     "cost the last 5 ms.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       static constexpr std::array<std::pair<std::string_view, audit::Durability>, 2> choices{
           {{"relaxed", audit::Durability::relaxed}, {"strict", audit::Durability::strict}}};
       store_choice(r, n, "audit.durability", choices, c.durability);
     }},
    {"retention_days", "integer 1..36500", optional, "400",
     "Records older than this are deleted, a whole segment at a time.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_integer(r, n, "audit.retention_days", 1, 36'500, c.retention_days);
     }},
};

const Key<RegionConfig> log_keys[] = {
    {"level", "debug | info | warn | error", optional, "info",
     "The least important lines that are written. No level shows payloads.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       static constexpr std::array<std::pair<std::string_view, log::Level>, 4> choices{
           {{"debug", log::Level::debug},
            {"info", log::Level::info},
            {"warn", log::Level::warn},
            {"error", log::Level::error}}};
       store_choice(r, n, "log.level", choices, c.log_level);
     }},
    {"format", "text | json", optional, "text", "json: one object a line.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       static constexpr std::array<std::pair<std::string_view, log::Format>, 2> choices{
           {{"text", log::Format::text}, {"json", log::Format::json}}};
       store_choice(r, n, "log.format", choices, c.log_format);
     }},
};

// ---- backends

const Key<model::BackendConfig> backend_keys[] = {
    {"name", "text", required, "", "What models[].backend refers to.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_text(r, n, "name", b, &model::BackendConfig::name);
     }},
    {"kind", "openai | anthropic | bedrock", optional, "openai",
     "The server's API: OpenAI's chat completions (llama.cpp, vLLM, SGLang, Ollama), Anthropic's "
     "Messages, or Amazon Bedrock's Converse in this same Region.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       static constexpr std::array<std::pair<std::string_view, model::BackendKind>, 3> choices{
           {{"openai", model::BackendKind::openai},
            {"anthropic", model::BackendKind::anthropic},
            {"bedrock", model::BackendKind::bedrock}}};
       store_choice(r, n, "kind", choices, b.kind);
     }},
    {"url", "http://ADDRESS:PORT[/PREFIX] or https://HOST[:PORT][/PREFIX]", required, "",
     "Where the server listens; /v1/chat/completions, /v1/messages or /model/... is below it. A "
     "name is resolved by a thread of its own, at the start and every 30 s.",
     read_backend_url},
    {"trust_bundle", "path", optional, "the system's CAs",
     "With https: PEM file of the CAs of the server's certificate.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       if (auto path = r.path(n, "trust_bundle")) b.trust_bundle = std::move(*path);
     }},
    {"slots", "integer 1..65535", optional, "1",
     "How many requests it runs at once; one more is a full Region.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_integer(r, n, "slots", 1, 65'535, b.slots);
     }},
    {"api_key", "text", optional, "none",
     "Sent to the server as a bearer token, or as Anthropic's x-api-key; write ${env:NAME} or "
     "${file:PATH}.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_text(r, n, "api_key", b, &model::BackendConfig::api_key);
     }},
    {"access_key_id", "text", optional, "none",
     "kind bedrock: what requests are signed with (Signature Version 4).",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_text(r, n, "access_key_id", b.credentials, &aws::Credentials::key_id);
     }},
    {"secret_access_key", "text", optional, "none",
     "Its secret; write ${env:NAME} or ${file:PATH}.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_text(r, n, "secret_access_key", b.credentials, &aws::Credentials::secret);
     }},
    {"session_token", "text", optional, "none",
     "Of temporary credentials; write ${env:NAME} or ${file:PATH}. It is read at the start: a "
     "restart reads the next one.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       store_text(r, n, "session_token", b.credentials, &aws::Credentials::session_token);
     }},
    {"tools", "native | schema | none", optional, "native",
     "native: the server parses tool calls. schema: it does not, and a call that the caller forces "
     "(toolChoice any or tool) is asked for through its JSON-schema output; toolChoice auto is "
     "refused. none: every toolConfig is refused.",
     [](Reader& r, const YAML::Node& n, model::BackendConfig& b) {
       static constexpr std::array<std::pair<std::string_view, model::Tools>, 3> choices{
           {{"native", model::Tools::native},
            {"schema", model::Tools::schema},
            {"none", model::Tools::none}}};
       store_choice(r, n, "tools", choices, b.tools);
     }},
};

// ---- models

void read_additional_fields(Reader& reader, const YAML::Node& node, model::ModelConfig& out) {
  constexpr std::string_view mend =
      "write \"pass\", or a list like [/inferenceConfig/topK, /top_k]";
  if (node.IsScalar()) {
    const auto word = reader.text(node, "additional_fields");
    if (word && *word != "pass") {
      reader.problem(node.Mark(), fmt::format("\"additional_fields\" is \"{}\"", *word),
                     "it must be \"pass\" or a list of JSON pointers", std::string(mend));
    }
    out.additional_fields.pass_all = word == "pass";
    return;
  }
  if (!reader.is_list(node, "additional_fields")) return;
  for (const YAML::Node& item : node) {
    auto pointer = reader.text(item, "additional_fields");
    if (!pointer) continue;
    if (pointer->size() < 2 || pointer->front() != '/') {
      reader.problem(item.Mark(), fmt::format("\"{}\" is not a JSON pointer", *pointer),
                     "a pointer begins with a slash (RFC 6901)", std::string(mend));
      continue;
    }
    out.additional_fields.allowed.push_back(std::move(*pointer));
  }
}

const Key<model::ModelConfig> model_keys[] = {
    {"id", "model id", required, "",
     "The model of the catalogue that callers name, amazon.nova-2-lite-v1:0.",
     [](Reader& r, const YAML::Node& n, model::ModelConfig& m) {
       store_text(r, n, "id", m, &model::ModelConfig::model_id);
     }},
    {"backend", "text", required, "", "The backends[].name that runs it.",
     [](Reader& r, const YAML::Node& n, model::ModelConfig& m) {
       store_text(r, n, "backend", m, &model::ModelConfig::backend);
     }},
    {"served_as", "text", required, "", "The model's name at that server, sent as \"model\".",
     [](Reader& r, const YAML::Node& n, model::ModelConfig& m) {
       store_text(r, n, "served_as", m, &model::ModelConfig::served_as);
     }},
    {"name", "text", required, "",
     "What really runs, told to callers in x-tidegate-model and written in the audit record.",
     [](Reader& r, const YAML::Node& n, model::ModelConfig& m) {
       store_text(r, n, "name", m, &model::ModelConfig::name);
     }},
    {"additional_fields", "pass | list of JSON pointers", optional, "none",
     "Which additionalModelRequestFields the model takes; others are a ValidationException.",
     read_additional_fields},
};

// ---- peers

const Key<peer::PeerConfig> peer_keys[] = {
    {"region", "Region", required, "", "The other Region.",
     [](Reader& r, const YAML::Node& n, peer::PeerConfig& p) { store_region(r, n, p.region); }},
    {"address", "address", required, "",
     "Its listen.peer. Dialled only if it is a destination of a row of this Region.",
     [](Reader& r, const YAML::Node& n, peer::PeerConfig& p) {
       gateway::Address address;
       store_address(r, n, "address", address);
       p.host = std::move(address.host);
       p.port = address.port;
     }},
    {"trust_bundle", "path", required, "",
     "PEM file of that Region's CA: the only one whose certificates it may show.",
     [](Reader& r, const YAML::Node& n, peer::PeerConfig& p) {
       if (auto path = r.path(n, "trust_bundle")) p.trust_bundle = std::move(*path);
     }},
};

// ---- the file

const Key<RegionConfig> region_keys[] = {
    {"region", "Region", required, "", "The Region that this gateway is.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) { store_region(r, n, c.region); }},
    {"operator_domain", "domain", required, "",
     "The operator's domain; REGION.DOMAIN is the Region's trust domain in certificates.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_name(r, n, "operator_domain", true, c.operator_domain);
     }},
    {"node", "name", optional, "1",
     "This gateway's name within the Region, the last part of its certificate's URI.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_name(r, n, "node", false, c.node);
     }},
    {"state_dir", "path", required, "",
     "Where it keeps audit records, documents and the admin socket.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       if (auto path = r.path(n, "state_dir")) c.state_dir = std::move(*path);
     }},
    {"listen", "section", required, "", "Where it listens: listen.api at least.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "listen", Table<RegionConfig>(listen_keys), c);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<RegionConfig>(listen_keys), p + ".", out);
     }},
    {"tls", "section", optional, "none", "Certificates and keys (tidegate pki makes them).",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "tls", Table<RegionConfig>(tls_keys), c);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<RegionConfig>(tls_keys), p + ".", out);
     }},
    {"workers", "integer 0..256", optional, "0: one a core", "Threads that serve requests.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_integer(r, n, "workers", 0, 256, c.workers);
     }},
    {"capacity_wait_ms", "integer 0..600000", optional, "10000",
     "How long a request waits for room in a Region of its row before it is answered 503.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       if (const auto ms = r.integer(n, "capacity_wait_ms", 0, 600'000))
         c.capacity_wait = std::chrono::milliseconds(*ms);
     }},
    {"requests_in_flight_max", "integer 1..1000000", optional, "4096",
     "More requests at once are answered 503.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       store_integer(r, n, "requests_in_flight_max", 1, 1'000'000, c.requests_in_flight_max);
     }},
    {"global_profiles", "on | off", optional, "off",
     "on: principals with a global_grant may use global. profiles, whose rows leave the geography.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       static constexpr std::array<std::pair<std::string_view, gateway::GlobalProfiles>, 2> choices{
           {{"on", gateway::GlobalProfiles::on}, {"off", gateway::GlobalProfiles::off}}};
       store_choice(r, n, "global_profiles", choices, c.global_profiles);
     }},
    {"clock_skew_s", "integer 1..3600", optional, "300",
     "How far a signature's time may be from this host's, either way.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       if (const auto seconds = r.integer(n, "clock_skew_s", 1, 3'600))
         c.clock_skew = std::chrono::seconds(*seconds);
     }},
    {"audit", "section", optional, "as below", "The records of requests.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "audit", Table<RegionConfig>(audit_keys), c);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<RegionConfig>(audit_keys), p + ".", out);
     }},
    {"log", "section", optional, "as below", "What it says on standard error.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "log", Table<RegionConfig>(log_keys), c);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<RegionConfig>(log_keys), p + ".", out);
     }},
    {"catalog", "section", optional, "the built-in library, as it is",
     "Signed catalogues: own Regions, geographies, models and profiles.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_section(r, n, "catalog", catalog_table(), c);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(catalog_table(), p + ".", out);
     }},
    {"backends", "list of sections", optional, "none: this Region runs no model itself",
     "The model servers of this Region.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       // Amazon Bedrock is asked in this Region and in no other, so there is no key for it.
       model::BackendConfig blank;
       blank.region = c.region.str();
       read_list(r, n, "backends", Table<model::BackendConfig>(backend_keys), blank, c.backends);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<model::BackendConfig>(backend_keys), p + "[].", out);
     }},
    {"backend_networks", "list of networks", optional, "none: they may be anywhere",
     "Where this Region's model servers are. A back-end whose address is outside is refused, and a "
     "name's address outside is not used.",
     read_backend_networks},
    {"models", "list of sections", optional, "none",
     "Which model of the catalogue runs on which server.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       read_list(r, n, "models", Table<model::ModelConfig>(model_keys), {}, c.models);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<model::ModelConfig>(model_keys), p + "[].", out);
     }},
    {"peers", "list of sections", optional, "none",
     "The other deployed Regions: destinations to dial, and sources that may dial here.",
     [](Reader& r, const YAML::Node& n, RegionConfig& c) {
       const peer::PeerConfig blank{
           .region = catalog::RegionId(""), .host = {}, .port = 0, .trust_bundle = {}};
       read_list(r, n, "peers", Table<peer::PeerConfig>(peer_keys), blank, c.peers);
     },
     [](std::vector<KeyText>& out, const std::string& p) {
       describe(Table<peer::PeerConfig>(peer_keys), p + "[].", out);
     }},
};

}  // namespace

Table<RegionConfig> region_table() {
  return region_keys;
}

}  // namespace tidegate::config
