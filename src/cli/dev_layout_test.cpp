// What `tidegate dev` lays down is what `tidegate serve` and `apply` read.
#include "cli/dev_layout.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/json.hpp"
#include "cli/pki.hpp"
#include "config/documents.hpp"

namespace tidegate::cli {
namespace {

const WallTime now = WallTime{std::chrono::seconds(1'800'000'000)};

class DevLayoutTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        testing::TempDir() + "tidegate dev_XXXXXX";  // a space: paths are quoted where they must be
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    options_.state = pattern;
    options_.regions = {"eu-south-1", "eu-central-1", "eu-west-2"};
  }
  void TearDown() override { std::filesystem::remove_all(options_.state); }

  DevLayout lay_down_at(WallTime when) {
    auto layout = plan_dev(options_);
    EXPECT_TRUE(layout) << layout.error().message;
    SeededRng rng(++seed_);
    const auto done = lay_down(options_, *layout, rng, when);
    EXPECT_TRUE(done) << done.error().message;
    return std::move(*layout);
  }

  DevOptions options_;
  std::uint64_t seed_ = 0;
};

TEST_F(DevLayoutTest, ConfigurationsAreGoodAndPointAtEachOther) {
  const auto layout = lay_down_at(now);
  for (const DevRegion& region : layout.regions) {
    const auto config =
        config::check_region_config(region.config(), catalog::Catalog::built_in().get());
    ASSERT_TRUE(config) << config.error().front().message;
    EXPECT_EQ(config->region.str(), region.name);
    EXPECT_EQ(config->admin_socket, region.admin_socket().string());
    EXPECT_EQ(config->api.port, region.api_port);
    EXPECT_EQ(config->backends.at(0).port, region.model_port);
    EXPECT_EQ(config->models.size(), 4u);
    ASSERT_EQ(config->peers.size(), 2u);
    for (const auto& peer : config->peers) {
      const auto other = std::ranges::find(layout.regions, peer.region.str(), &DevRegion::name);
      ASSERT_NE(other, layout.regions.end());
      EXPECT_EQ(peer.port, other->peer_port);
      EXPECT_TRUE(pki::read(peer.trust_bundle));
    }
    EXPECT_TRUE(pki::check_pair(config->peer_tls.certificate, config->peer_tls.key,
                                "spiffe://" + region.name + ".tidegate.internal/gw/1", now));
    EXPECT_TRUE(pki::check_pair(config->api_tls.certificate, config->api_tls.key, "", now));
  }
}

TEST_F(DevLayoutTest, DocumentsAreGoodAndGrantOneOfTwo) {
  const auto layout = lay_down_at(now);
  const auto documents = config::load_documents(layout.documents, config::References::closed);
  ASSERT_TRUE(documents) << documents.error().front().message;
  ASSERT_EQ(documents->keys.size(), 2u);
  EXPECT_EQ(documents->keys[0].key_id, layout.demo.id);
  EXPECT_EQ(documents->keys[0].secret, layout.demo.secret);
  EXPECT_FALSE(documents->principals[0].global_grant);
  EXPECT_TRUE(documents->principals[1].global_grant);
  ASSERT_EQ(documents->api_keys.size(), 1u);
  EXPECT_EQ(documents->api_keys[0].digest, sha256(layout.api_key));
  EXPECT_EQ(documents->api_keys[0].principal_arn, documents->principals[0].arn);
  EXPECT_GT(documents->api_keys[0].expires, now);
}

TEST_F(DevLayoutTest, NothingIsMadeTwice) {
  const auto first = lay_down_at(now);
  const auto certificate = options_.state / "pki/eu-south-1/1-peer.pem";
  const auto before = pki::read(certificate).value().front().serial;
  const auto second = lay_down_at(now + std::chrono::days(30));
  EXPECT_EQ(first.demo.secret, second.demo.secret);
  EXPECT_EQ(first.api_key, second.api_key);
  EXPECT_EQ(pki::read(certificate).value().front().serial, before);
  lay_down_at(now + std::chrono::days(61));  // less than a month is left: a new one
  EXPECT_NE(pki::read(certificate).value().front().serial, before);
}

TEST_F(DevLayoutTest, EnvironmentNamesEveryRegionAndKey) {
  const auto layout = lay_down_at(now);
  const auto parsed = json::parse(dev_environment(layout));
  ASSERT_TRUE(parsed);
  const auto& regions = *json::find_object(parsed->get_object(), "regions");
  EXPECT_EQ(regions.size(), 3u);
  EXPECT_EQ(json::find_string(parsed->get_object(), "api_key"), layout.api_key);
  const auto& milan = *json::find_object(regions, "eu-south-1");
  EXPECT_EQ(json::find_string(milan, "url"), "http://127.0.0.1:7101");
  EXPECT_EQ(json::find_string(milan, "model_url"), "http://127.0.0.1:7401");
  for (const char* member : {"tls_url", "ca", "admin_socket"})
    EXPECT_TRUE(json::find_string(milan, member)) << member;
}

TEST_F(DevLayoutTest, BadOptionsAreToldWithTheirMend) {
  const std::pair<std::vector<std::string>, int> rows[] = {{{}, 7100},
                                                           {{"eu-sout-1"}, 7100},
                                                           {{"eu-south-1", "eu-south-1"}, 7100},
                                                           {{"eu-south-1"}, 80},
                                                           {{"eu-south-1"}, 65400}};
  for (const auto& [regions, port] : rows) {
    options_.regions = regions;
    options_.base_port = port;
    const auto layout = plan_dev(options_);
    ASSERT_FALSE(layout);
    EXPECT_FALSE(layout.error().mend.empty());
  }
}

}  // namespace
}  // namespace tidegate::cli
