// tidegate.yaml: what is read, and what every kind of mistake is told.
#include "config/region.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "config/reference.hpp"

namespace tidegate::config {
namespace {

constexpr std::string_view minimal = R"(region: eu-south-1
operator_domain: tidegate.internal
state_dir: state
listen:
  api: 127.0.0.1:7101
)";

Checked<gateway::RegionConfig> parse(const std::string& text) {
  return parse_region_config(text, "t.yaml", "/etc/tidegate", catalog::Catalog::built_in().get());
}

TEST(RegionConfig, ReadsTheLeastThatIsNeeded) {
  const auto config = parse(std::string(minimal));
  ASSERT_TRUE(config) << config.error().front().message;
  EXPECT_EQ(config->region.str(), "eu-south-1");
  EXPECT_EQ(config->state_dir, "/etc/tidegate/state");
  EXPECT_EQ(config->admin_socket, "/etc/tidegate/state/admin.sock");
  EXPECT_EQ(config->api.host, "127.0.0.1");
  EXPECT_EQ(config->api.port, 7101);
  EXPECT_EQ(config->peer.port, 0);
  EXPECT_EQ(config->global_profiles, gateway::GlobalProfiles::off);
  EXPECT_EQ(config->retention_days, limits::retention_days_default);
}

TEST(RegionConfig, ReadsEveryKey) {
  setenv("TIDEGATE_TEST_KEY", "hunter2", 1);
  const auto config = parse(R"(
region: eu-south-1
operator_domain: tidegate.internal
node: milan-a
state_dir: /var/lib/tidegate
listen: {api: "[::1]:7101", peer: 127.0.0.1:7201, admin: run/admin.sock}
tls:
  api: {certificate: api.pem, key: api.key}
  peer: {certificate: /p/peer.pem, key: /p/peer.key}
workers: 2
capacity_wait_ms: 2500
requests_in_flight_max: 10
global_profiles: on
clock_skew_s: 60
audit: {durability: strict, retention_days: 30}
log: {level: warn, format: json}
backends:
  - name: llama
    kind: openai
    url: http://127.0.0.1:7401/prefix/
    slots: 2
    api_key: Bearer-${env:TIDEGATE_TEST_KEY}
models:
  - id: amazon.nova-2-lite-v1:0
    backend: llama
    served_as: smollm2
    name: smollm2-135m-instruct
    additional_fields: [/inferenceConfig/topK, /top_k]
peers:
  - {region: eu-central-1, address: 10.0.0.2:7201, trust_bundle: ca.pem}
)");
  ASSERT_TRUE(config) << config.error().front().message;
  EXPECT_EQ(config->node, "milan-a");
  EXPECT_EQ(config->api.host, "::1");
  EXPECT_EQ(config->peer.port, 7201);
  EXPECT_EQ(config->admin_socket, "/etc/tidegate/run/admin.sock");
  EXPECT_EQ(config->api_tls.certificate, "/etc/tidegate/api.pem");
  EXPECT_EQ(config->peer_tls.key, "/p/peer.key");
  EXPECT_EQ(config->workers, 2);
  EXPECT_EQ(config->capacity_wait, 2500ms);
  EXPECT_EQ(config->requests_in_flight_max, 10u);
  EXPECT_EQ(config->global_profiles, gateway::GlobalProfiles::on);
  EXPECT_EQ(config->clock_skew, 60s);
  EXPECT_EQ(config->durability, audit::Durability::strict);
  EXPECT_EQ(config->retention_days, 30);
  EXPECT_EQ(config->log_level, log::Level::warn);
  EXPECT_EQ(config->log_format, log::Format::json);
  ASSERT_EQ(config->backends.size(), 1u);
  EXPECT_EQ(config->backends[0].host, "127.0.0.1");
  EXPECT_EQ(config->backends[0].port, 7401);
  EXPECT_EQ(config->backends[0].base_path, "/prefix");
  EXPECT_EQ(config->backends[0].api_key, "Bearer-hunter2");
  EXPECT_EQ(config->backends[0].slots, 2u);
  ASSERT_EQ(config->models.size(), 1u);
  EXPECT_EQ(config->models[0].name, "smollm2-135m-instruct");
  EXPECT_EQ(config->models[0].additional_fields.allowed,
            (std::vector<std::string>{"/inferenceConfig/topK", "/top_k"}));
  ASSERT_EQ(config->peers.size(), 1u);
  EXPECT_EQ(config->peers[0].region.str(), "eu-central-1");
  EXPECT_EQ(config->peers[0].trust_bundle, "/etc/tidegate/ca.pem");
}

TEST(RegionConfig, PathsAreNormalAndAbsolute) {
  const std::pair<const char*, const char*> rows[] = {{".", "/etc/tidegate"},
                                                      {"a/", "/etc/tidegate/a"},
                                                      {"../b/./c", "/etc/b/c"},
                                                      {"/", "/"},
                                                      {"/d//e/", "/d/e"}};
  for (const auto& [written, read] : rows) {
    std::string text(minimal);
    text.replace(text.find("state_dir: state"), 16, std::string("state_dir: ") + written);
    const auto config = parse(text);
    ASSERT_TRUE(config) << written;
    EXPECT_EQ(config->state_dir, read) << written;
  }
}

TEST(RegionConfig, TakesOnAndOffQuotedOrNot) {
  for (const char* word : {"on", "\"on\"", "'on'"}) {
    const auto config = parse(std::string(minimal) + "global_profiles: " + word + "\n");
    ASSERT_TRUE(config) << word;
    EXPECT_EQ(config->global_profiles, gateway::GlobalProfiles::on) << word;
  }
}

struct Mistake {
  std::string name;
  std::string text;  // added to the minimal file, whose lines are 1 to 5
  std::string message;
  std::string mend;  // a part of it
};

class RegionConfigMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(RegionConfigMistakes, AreToldWithPositionAndMend) {
  const auto config = parse(std::string(minimal) + GetParam().text);
  ASSERT_FALSE(config);
  const Error& first = config.error().front();
  EXPECT_EQ(first.code, ErrorCode::configuration);
  EXPECT_EQ(first.message, GetParam().message);
  EXPECT_NE(first.mend.find(GetParam().mend), std::string::npos) << first.mend;
  EXPECT_FALSE(first.why.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, RegionConfigMistakes,
    testing::Values(
        Mistake{"UnknownKey", "lisen: 1\n", "t.yaml:6:1: \"lisen\" is not a key here",
                "\"listen\""},
        Mistake{"UnknownInner", "audit: {durabilty: strict}\n",
                "t.yaml:6:9: \"durabilty\" is not a key here", "\"durability\""},
        Mistake{"Twice", "region: eu-west-1\n", "t.yaml:6:1: \"region\" is set twice", "remove"},
        Mistake{"NotANumber", "workers: many\n", "t.yaml:6:10: \"workers\" is \"many\"",
                "0 to 256"},
        Mistake{"OutOfRange", "workers: 257\n", "t.yaml:6:10: \"workers\" is 257", "0 to 256"},
        Mistake{"Overflow", "workers: 99999999999999999999\n",
                "t.yaml:6:10: \"workers\" is 99999999999999999999", "0 to 256"},
        Mistake{"NotAMap", "log: loud\n", "t.yaml:6:6: \"log\" is a single value", "key: value"},
        Mistake{"NotAList", "models: {}\n", "t.yaml:6:9: \"models\" is a map", "- "},
        Mistake{"Choice", "log: {level: warning}\n", "t.yaml:6:14: \"log.level\" is \"warning\"",
                "\"warn\""},
        Mistake{"True", "global_profiles: true\n", "t.yaml:6:18: \"global_profiles\" is \"true\"",
                "on, off"},
        Mistake{"HostName", "backends:\n  - {name: a, url: http://localhost:1}\n",
                "t.yaml:7:20: \"url\" is \"http://localhost:1\"", "http://127.0.0.1"},
        Mistake{"Scheme", "backends:\n  - {name: a, url: ftp://127.0.0.1:1}\n",
                "t.yaml:7:20: \"url\" is \"ftp://127.0.0.1:1\"", "https://bedrock-runtime"},
        Mistake{"HttpsName", "backends:\n  - {name: a, url: 'https://a..b'}\n",
                "t.yaml:7:20: \"url\" is \"https://a..b\"", "https://bedrock-runtime"},
        Mistake{"BedrockElsewhere",
                "backends:\n  - {name: a, kind: bedrock, api_key: k, url: "
                "'https://bedrock-runtime.us-east-1.amazonaws.com'}\n",
                "t.yaml:7:47: \"url\" names bedrock-runtime.us-east-1.amazonaws.com",
                "https://bedrock-runtime.eu-south-1.amazonaws.com"},
        Mistake{"BedrockUnsigned",
                "backends:\n  - {name: a, kind: bedrock, access_key_id: k, url: "
                "'https://bedrock-runtime.eu-south-1.amazonaws.com'}\n",
                "t.yaml:7:21: a has no credentials", "secret_access_key"},
        Mistake{"BedrockOnwards",
                "backends: [{name: a, kind: bedrock, api_key: k, url: 'http://127.0.0.1:1'}]\n"
                "models: [{id: 'amazon.nova-2-lite-v1:0', backend: a, served_as: "
                "'eu.amazon.nova-2-lite-v1:0', name: x}]\n",
                "t.yaml:7:65: \"served_as\" is \"eu.amazon.nova-2-lite-v1:0\"", "bare id"},
        Mistake{"Missing", "backends:\n  - name: a\n", "t.yaml:7:5: \"url\" is missing",
                "add \"url:"},
        Mistake{"UnknownModel",
                "backends: [{name: a, url: 'http://127.0.0.1:1'}]\n"
                "models: [{id: 'amazon.nova-2-lite-v1:1', backend: a, served_as: x, name: x}]\n",
                "t.yaml:7:15: \"id\" is \"amazon.nova-2-lite-v1:1\"", "amazon.nova-2-lite-v1:0"},
        Mistake{"UnknownBackend",
                "backends: [{name: llama, url: 'http://127.0.0.1:1'}]\n"
                "models: [{id: 'amazon.nova-2-lite-v1:0', backend: lama, served_as: x, name: x}]\n",
                "t.yaml:7:51: \"backend\" is \"lama\"", "\"llama\""},
        Mistake{"BackendTwice",
                "backends:\n  - {name: a, url: 'http://127.0.0.1:1'}\n  - {name: a, url: "
                "'http://127.0.0.1:2'}\n",
                "t.yaml:8:12: \"a\" is in backends twice", "rename"},
        Mistake{"UnknownRegion",
                "peers: [{region: eu-centrl-1, address: 127.0.0.1:1, trust_bundle: x}]\n"
                "tls: {peer: {certificate: c, key: k}}\n",
                "t.yaml:6:18: \"region\" is \"eu-centrl-1\"", "\"eu-central-1\""},
        Mistake{"BackendAtAPeer",
                "backends: [{name: a, url: 'http://10.0.0.2:8000'}]\n"
                "peers: [{region: eu-west-1, address: '10.0.0.2:7201', trust_bundle: x}]\n"
                "tls: {peer: {certificate: c, key: k}}\n",
                "t.yaml:6:27: \"url\" names 10.0.0.2, where eu-west-1 is", "of this Region"},
        Mistake{"PeerIsSelf",
                "peers: [{region: eu-south-1, address: 127.0.0.1:1, trust_bundle: x}]\n"
                "tls: {peer: {certificate: c, key: k}}\n",
                "t.yaml:6:18: a peer is this Region itself", "other Regions"},
        Mistake{"CertificateAlone", "tls: {api: {certificate: c}}\n",
                "t.yaml:6:12: tls.api has a certificate only", "tls.api.key"},
        Mistake{"PeersWithoutTls",
                "peers: [{region: eu-west-1, address: 127.0.0.1:1, trust_bundle: x}]\n",
                "t.yaml:1:1: \"tls.peer\" is missing", "tidegate pki issue"},
        Mistake{"UnsetVariable", "node: ${env:TIDEGATE_TEST_UNSET}\n",
                "t.yaml:6:7: \"node\" refers to an environment variable that is not set",
                "export TIDEGATE_TEST_UNSET"},
        Mistake{"UnknownReference", "node: ${evn:X}\n",
                "t.yaml:6:7: \"node\" has a reference of the unknown kind \"evn\"", "\"env\""},
        Mistake{"OpenReference", "node: ${env\n",
                "t.yaml:6:7: \"node\" has a \"${\" that is not a reference", "${env:NAME}"},
        Mistake{"Pointer",
                "backends: [{name: a, url: 'http://127.0.0.1:1'}]\n"
                "models: [{id: 'amazon.nova-2-lite-v1:0', backend: a, served_as: x, name: x, "
                "additional_fields: [topK]}]\n",
                "t.yaml:7:97: \"topK\" is not a JSON pointer", "/top_k"},
        Mistake{"Syntax", "a: b: c\n", "t.yaml:6:5: this is not YAML", "indentation"},
        Mistake{"TwoDocuments", "---\na: 1\n",
                "t.yaml:1:1: there is more than one YAML document in this file", "---"}),
    [](const auto& info) { return info.param.name; });

TEST(RegionConfig, TellsEveryMistakeAtOnce) {
  const auto config = parse("region: eu-sout-1\nnod: 1\nlisten: {}\n");
  ASSERT_FALSE(config);
  std::vector<std::string> messages;
  for (const Error& error : config.error()) messages.push_back(error.message);
  EXPECT_EQ(messages, (std::vector<std::string>{"t.yaml:2:1: \"nod\" is not a key here",
                                                "t.yaml:1:1: \"operator_domain\" is missing",
                                                "t.yaml:1:1: \"state_dir\" is missing",
                                                "t.yaml:3:9: \"api\" is missing",
                                                "t.yaml:1:9: \"region\" is \"eu-sout-1\""}));
}

// Shapes that are YAML but not what is wanted, anywhere: always problems, never a crash.
TEST(RegionConfig, OddShapesAreProblems) {
  const char* whole[] = {"",
                         "a",
                         "[]",
                         "- a",
                         "~",
                         "{}",
                         "&a [*a]",
                         "? [a]\n: b\n",
                         "{[a]: b}",
                         "\t",
                         "a: *b",
                         "!!binary x",
                         "%YAML 9.9\n---\n{}"};
  for (const char* text : whole) EXPECT_FALSE(parse(text)) << text;
  const char* values[] = {
      "foo",        "[foo]", "[~]", "[[]]", "[{}]", "{a: b}", "[{region: [a]}]", "[{id: {a: b}}]",
      "[{name: ~}]"};
  for (const char* key : {"listen", "tls", "audit", "log", "backends", "models", "peers", "region",
                          "workers", "node"}) {
    for (const char* value : values) {
      const auto config = parse(std::string(key) + ": " + value + "\n");
      EXPECT_FALSE(config) << key << ": " << value;
    }
  }
  EXPECT_FALSE(parse(std::string(100'000, '[')));
  EXPECT_FALSE(parse(std::string(100'000, '{')));
}

TEST(RegionConfig, ReadsAFileReferenceBesideIt) {
  const std::string directory = testing::TempDir() + "tidegate_config";
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/node.txt") << "milan-b\n";
  std::ofstream(directory + "/t.yaml") << minimal << "node: ${file:node.txt}\n";
  const auto config = load_region_config(directory + "/t.yaml", nullptr);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->node, "milan-b");
  const auto absent = load_region_config(directory + "/none.yaml", nullptr);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message, directory + "/none.yaml: there is no such file");
}

TEST(RegionConfig, ReferenceListsEveryKeyOnce) {
  std::vector<std::string> paths;
  for (const KeyText& key : region_reference()) {
    paths.push_back(key.path);
    EXPECT_FALSE(key.meaning.empty()) << key.path;
    EXPECT_FALSE(key.standard.empty()) << key.path;
  }
  EXPECT_NE(std::find(paths.begin(), paths.end(), "tls.peer.certificate"), paths.end());
  EXPECT_NE(std::find(paths.begin(), paths.end(), "backends[].url"), paths.end());
  std::sort(paths.begin(), paths.end());
  EXPECT_EQ(std::adjacent_find(paths.begin(), paths.end()), paths.end());
}

TEST(RegionConfig, ReferencePageIsWhatTheTablesSay) {
  const auto page =
      read_file(std::string(TIDEGATE_SOURCE_DIR) + "/docs/reference/configuration.md", 1024 * 1024);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(*page, reference_markdown())
      << "write it anew: tidegate check --print-reference > docs/reference/configuration.md";
}

TEST(Address, IsLiteral) {
  const std::pair<const char*, bool> rows[] = {{"127.0.0.1:1", true},
                                               {"0.0.0.0:0", true},
                                               {"[::1]:7101", true},
                                               {"[2001:db8::1:2]:1", true},
                                               {"[::ffff:1.2.3.4]:1", true},
                                               {"[1:2:3:4:5:6:7:8]:1", true},
                                               {"[::]:1", true},
                                               {"127.0.0.1", false},
                                               {"localhost:1", false},
                                               {"127.0.0.1:65536", false},
                                               {"127.0.0.1:-1", false},
                                               {"127.1:1", false},
                                               {"0127.0.0.1:1", false},
                                               {"1.2.3.4.5:1", false},
                                               {"256.0.0.1:1", false},
                                               {"::1:7101", false},
                                               {"[::1:7101", false},
                                               {"[1::2::3]:1", false},
                                               {"[12345::]:1", false},
                                               {"[1:2:3:4:5:6:7]:1", false},
                                               {"[1:2:3:4:5:6:7:8:9]:1", false},
                                               {" 127.0.0.1:1", false},
                                               {"127.0.0.1: 1", false},
                                               {"", false},
                                               {":", false},
                                               {"[]:1", false}};
  for (const auto& [text, good] : rows) EXPECT_EQ(parse_address(text).has_value(), good) << text;
}

TEST(Network, IsAnAddressAndAPrefix) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32", "2001:db8::/32", "::/0",
                           "::1/128", "64:ff9b::/96"}) {
    const auto network = parse_network(text);
    ASSERT_TRUE(network) << text;
    EXPECT_EQ(network->text, text);
  }
  for (const char* text : {"10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8",
                           "2001:db8::1/32", "::/129", "/8", "10.0.0.0/", "host/8", "10.0.0.0/8/8"})
    EXPECT_FALSE(parse_network(text)) << text;
}

TEST(Network, ContainsWhatSharesItsPrefix) {
  const std::tuple<const char*, const char*, bool> rows[] = {
      {"10.0.0.0/8", "10.255.0.1", true},       {"10.0.0.0/8", "11.0.0.1", false},
      {"10.64.0.0/10", "10.127.0.1", true},     {"10.64.0.0/10", "10.128.0.1", false},
      {"127.0.0.1/32", "127.0.0.1", true},      {"127.0.0.1/32", "127.0.0.2", false},
      {"0.0.0.0/0", "255.1.2.3", true},         {"0.0.0.0/0", "2001:db8::1", false},
      {"2001:db8::/33", "2001:db8:7::1", true}, {"2001:db8::/33", "2001:db8:8000::1", false},
      {"10.0.0.0/8", "::ffff:10.0.0.1", true},  {"::/0", "10.0.0.1", true}};
  for (const auto& [network, address, inside] : rows)
    EXPECT_EQ(in_networks({*parse_network(network)}, *parse_ip(address)), inside)
        << network << ' ' << address;
  EXPECT_TRUE(in_networks({}, *parse_ip("10.0.0.1")));
}

TEST(Network, ABackEndOutsideIsAProblem) {
  const std::string text = std::string(minimal) +
                           "backends:\n  - {name: a, url: \"http://10.1.0.1:80\"}\n"
                           "  - {name: b, url: \"http://10.2.0.1:80\"}\n"
                           "  - {name: c, url: \"https://named.example\"}\n";
  EXPECT_TRUE(parse(text));
  EXPECT_TRUE(parse(text + "backend_networks: [10.0.0.0/8]\n"));
  const auto refused = parse(text + "backend_networks: [10.1.0.0/16, 10.3.0.0/16]\n");
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().size(), 1u);
  EXPECT_EQ(refused.error()[0].why,
            "the networks of this Region's back-ends are 10.1.0.0/16, 10.3.0.0/16");
  EXPECT_NE(refused.error()[0].message.find("10.2.0.1"), std::string::npos);
  EXPECT_FALSE(parse(text + "backend_networks: [10.1.0.1/16]\n"));
  EXPECT_FALSE(parse(text + "backend_networks: 10.0.0.0/8\n"));
}

TEST(DidYouMean, NamesWhatIsNear) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  const std::string_view words[] = {"listen", "log", "tls"};
  EXPECT_EQ(nearest("lisen", words), "listen");
  EXPECT_EQ(nearest("completely", words), "");
  EXPECT_EQ(did_you_mean("completely", words), "it is one of: listen, log, tls");
}

}  // namespace
}  // namespace tidegate::config
