// The authorities and certificates of a deployment, verified by OpenSSL's own rules.
#include "cli/pki.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <cstdlib>

#include "cli/pki_read.hpp"

namespace tidegate::cli::pki {
namespace {

using Store = openssl::CertificateStore;
using StoreContext = openssl::CertificateCheck;

const WallTime now = WallTime{std::chrono::seconds(1'800'000'000)};

class Pki : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "tidegate_pki_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    paths_.directory = pattern;
    ASSERT_TRUE(init(paths_, "tidegate.internal", {"eu-south-1", "eu-central-1"}, now));
  }
  void TearDown() override { std::filesystem::remove_all(paths_.directory); }

  // X509_V_OK, or why `leaf` does not verify under `authority`.
  static int verify(X509* leaf, const std::filesystem::path& authority, int purpose) {
    const auto roots = read_certificates(authority);
    const Store store(X509_STORE_new());
    for (const Certificate& root : *roots) X509_STORE_add_cert(store.get(), root.get());
    const StoreContext context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr);
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), 1'800'000'000);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }
  static int verify(const std::filesystem::path& leaf, const std::filesystem::path& authority,
                    int purpose) {
    return verify(read_certificates(leaf)->front().get(), authority, purpose);
  }
  static mode_t mode_of(const std::filesystem::path& file) {
    struct stat facts{};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0) << file;
    return facts.st_mode & 0777;
  }

  Paths paths_;
};

TEST_F(Pki, AuthoritiesAreMadeOnceAndConstrained) {
  const auto again = init(paths_, "tidegate.internal", {"eu-south-1"}, now);
  ASSERT_TRUE(again) << again.error().message;
  for (const Outcome& outcome : *again) EXPECT_EQ(outcome.made, Made::kept) << outcome.file;
  const auto facts = read(paths_.region_ca("eu-south-1"));
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->front().authority);
  EXPECT_EQ(
      facts->front().constraints,
      (std::vector<std::string>{"permitted URI:eu-south-1.tidegate.internal", "excluded DNS:(any)",
                                "excluded IP:(any IPv4)", "excluded IP:(any IPv6)"}));
  EXPECT_EQ(mode_of(paths_.region_ca_key("eu-south-1")), 0600u);
  EXPECT_EQ(mode_of(paths_.api_ca_key()), 0600u);
}

TEST_F(Pki, PeerCertificateIsAnSvidOfItsRegionOnly) {
  ASSERT_TRUE(issue(paths_, {.region = "eu-south-1"}, now));
  const auto file = paths_.peer("eu-south-1", "1");
  const auto facts = read(file);
  ASSERT_TRUE(facts);
  EXPECT_FALSE(facts->front().authority);
  EXPECT_EQ(facts->front().names,
            std::vector<std::string>{"URI:spiffe://eu-south-1.tidegate.internal/gw/1"});
  EXPECT_EQ(facts->front().usages,
            (std::vector<std::string>{"digitalSignature", "serverAuth", "clientAuth"}));
  EXPECT_EQ(mode_of(paths_.peer_key("eu-south-1", "1")), 0600u);
  EXPECT_EQ(verify(file, paths_.region_ca("eu-south-1"), X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(verify(file, paths_.region_ca("eu-south-1"), X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_NE(verify(file, paths_.region_ca("eu-central-1"), X509_PURPOSE_SSL_SERVER), X509_V_OK);
}

TEST_F(Pki, PublicCertificateIsForItsNames) {
  ASSERT_TRUE(issue(
      paths_, {.region = "eu-south-1", .names = {"api.example.org", "10.0.0.1", "::1"}}, now));
  const auto file = paths_.api("eu-south-1", "1");
  EXPECT_EQ(read(file)->front().names,
            (std::vector<std::string>{"DNS:api.example.org", "IP:10.0.0.1", "IP:0:0:0:0:0:0:0:1"}));
  EXPECT_EQ(verify(file, paths_.api_ca(), X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_NE(verify(file, paths_.api_ca(), X509_PURPOSE_SSL_CLIENT), X509_V_OK);
}

// A stolen key of Milan's authority signs a certificate in Frankfurt's name, or for a host: nobody
// accepts it.
TEST_F(Pki, AnAuthorityCannotSpeakForAnotherRegion) {
  const auto authority =
      read_authority(paths_.region_ca("eu-south-1"), paths_.region_ca_key("eu-south-1"));
  ASSERT_TRUE(authority);
  const std::pair<const char*, int> rows[] = {
      {"URI:spiffe://eu-south-1.tidegate.internal/gw/9", X509_V_OK},
      {"URI:spiffe://eu-central-1.tidegate.internal/gw/1", X509_V_ERR_PERMITTED_VIOLATION},
      {"URI:spiffe://x.eu-south-1.tidegate.internal/gw/1", X509_V_ERR_PERMITTED_VIOLATION},
      {"DNS:example.org", X509_V_ERR_EXCLUDED_VIOLATION},
      {"IP:127.0.0.1", X509_V_ERR_EXCLUDED_VIOLATION}};
  for (const auto& [name, expected] : rows) {
    const PrivateKey key(EVP_EC_gen("P-256"));
    const Certificate forged(X509_new());
    X509_set_version(forged.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(forged.get()), 7);
    X509_set_issuer_name(forged.get(), X509_get_subject_name(authority->certificate.get()));
    ASN1_TIME_set(X509_getm_notBefore(forged.get()), 1'799'999'000);
    ASN1_TIME_set(X509_getm_notAfter(forged.get()), 1'800'009'000);
    X509_set_pubkey(forged.get(), key.get());
    const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name));
    ASSERT_TRUE(extension) << name;
    X509_add_ext(forged.get(), extension.get(), -1);
    ASSERT_NE(X509_sign(forged.get(), authority->key.get(), EVP_sha256()), 0);
    EXPECT_EQ(verify(forged.get(), paths_.region_ca("eu-south-1"), X509_PURPOSE_ANY), expected)
        << name;
  }
}

TEST_F(Pki, CheckPairSaysWhatDoesNotHold) {
  ASSERT_TRUE(issue(paths_, {.region = "eu-south-1"}, now));
  ASSERT_TRUE(issue(paths_, {.region = "eu-central-1"}, now));
  const auto certificate = paths_.peer("eu-south-1", "1");
  const auto key = paths_.peer_key("eu-south-1", "1");
  const std::string uri = "spiffe://eu-south-1.tidegate.internal/gw/1";
  EXPECT_TRUE(check_pair(certificate, key, uri, now));
  const auto other_key = check_pair(certificate, paths_.peer_key("eu-central-1", "1"), uri, now);
  ASSERT_FALSE(other_key);
  EXPECT_NE(other_key.error().message.find("is not the key of"), std::string::npos);
  const auto expired = check_pair(certificate, key, uri, now + std::chrono::days(91));
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("is not in force"), std::string::npos);
  const auto early = check_pair(certificate, key, uri, now - std::chrono::hours(1));
  EXPECT_FALSE(early);
  const auto other_node =
      check_pair(certificate, key, "spiffe://eu-south-1.tidegate.internal/gw/2", now);
  ASSERT_FALSE(other_node);
  EXPECT_NE(other_node.error().why.find("/gw/1"), std::string::npos);
}

class Rotation : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    ASSERT_TRUE(issue(paths_, {.region = milan, .names = {"api.example.org", "10.0.0.1"}}, now));
  }
  int verifies(const std::filesystem::path& authority) {
    return verify(paths_.peer(milan, "1"), authority, X509_PURPOSE_SSL_SERVER);
  }
  std::size_t authorities() { return read(paths_.region_ca(milan))->size(); }
  Result<AuthorityRotation> step() { return rotate_authority(paths_, request_, now); }

  const std::string milan = "eu-south-1";
  const IssueRequest request_{.region = milan, .names = {}};
};

TEST_F(Rotation, OfCertificatesKeepsTheirNames) {
  const auto before = read(paths_.peer(milan, "1"))->front();
  ASSERT_TRUE(rotate(paths_, request_, now));
  const auto after = read(paths_.peer(milan, "1"))->front();
  EXPECT_NE(after.sha256, before.sha256);
  EXPECT_EQ(after.names, before.names);
  EXPECT_EQ(read(paths_.api(milan, "1"))->front().names,
            (std::vector<std::string>{"DNS:api.example.org", "IP:10.0.0.1"}));
  EXPECT_EQ(verifies(paths_.region_ca(milan)), X509_V_OK);
  EXPECT_TRUE(check_pair(paths_.peer(milan, "1"), paths_.peer_key(milan, "1"), "", now));
}

TEST_F(Rotation, OfAnAuthorityIsAnnouncedThenSwitchedThenOver) {
  const auto copy = paths_.directory / "old.pem";
  std::filesystem::copy(paths_.region_ca(milan), copy);
  auto done = step();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->step, AuthorityStep::announced);
  EXPECT_EQ(authorities(), 2u);
  EXPECT_EQ(mode_of(paths_.region_ca_next_key(milan)), 0600u);
  EXPECT_EQ(read(paths_.region_ca(milan))->at(1).constraints,
            read(paths_.region_ca(milan))->at(0).constraints);
  ASSERT_TRUE(rotate(paths_, request_, now));
  EXPECT_EQ(authorities(), 2u) << "what is announced stays";
  EXPECT_EQ(verifies(copy), X509_V_OK) << "the old one signs until the switch";

  done = step();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->step, AuthorityStep::switched);
  EXPECT_EQ(authorities(), 2u) << "links under the old one are still up";
  EXPECT_FALSE(std::filesystem::exists(paths_.region_ca_next_key(milan)));
  EXPECT_NE(verifies(copy), X509_V_OK);
  EXPECT_EQ(verifies(paths_.region_ca(milan)), X509_V_OK);

  ASSERT_TRUE(rotate(paths_, request_, now));
  EXPECT_EQ(authorities(), 1u) << "old trust ends with the next rotation";
  EXPECT_EQ(verifies(paths_.region_ca(milan)), X509_V_OK);
  EXPECT_NE(read(copy)->front().sha256, read(paths_.region_ca(milan))->front().sha256);
}

TEST_F(Rotation, AnotherAuthorityEndsTheOldestTrust) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(step());
  EXPECT_EQ(authorities(), 2u);
  EXPECT_EQ(verifies(paths_.region_ca(milan)), X509_V_OK);
}

// The process was killed between two files of the switch.
TEST_F(Rotation, AnInterruptedSwitchIsDoneAgain) {
  ASSERT_TRUE(step());
  const auto next = paths_.region_ca_next_key(milan), kept = paths_.directory / "kept";
  std::filesystem::copy(next, kept);
  const auto key_before = paths_.directory / "before";
  std::filesystem::copy(paths_.region_ca_key(milan), key_before);
  ASSERT_TRUE(step());
  using std::filesystem::copy_options;
  std::filesystem::copy(kept, next);
  std::filesystem::copy(key_before, paths_.region_ca_key(milan), copy_options::overwrite_existing);
  EXPECT_FALSE(rotate(paths_, request_, now)) << "key and certificate do not fit";
  const auto again = step();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->step, AuthorityStep::switched);
  EXPECT_EQ(verifies(paths_.region_ca(milan)), X509_V_OK);
}

class PublicRotation : public Rotation {
 protected:
  Result<AuthorityRotation> step() { return rotate_api_authority(paths_, request_, now); }
  int verifies(const std::filesystem::path& bundle, const std::string& region = "eu-south-1") {
    return verify(paths_.api(region, "1"), bundle, X509_PURPOSE_SSL_SERVER);
  }
  std::size_t authorities() { return read(paths_.api_ca())->size(); }
};

TEST_F(PublicRotation, OldClientsAreServedUntilTheSwitch) {
  const auto old = paths_.directory / "old.pem", both = paths_.directory / "both.pem";
  std::filesystem::copy(paths_.api_ca(), old);
  const auto peer = read(paths_.peer(milan, "1"))->front().sha256;
  const auto names = read(paths_.api(milan, "1"))->front().names;
  ASSERT_EQ(step().value().step, AuthorityStep::announced);
  EXPECT_EQ(authorities(), 2u);
  std::filesystem::copy(paths_.api_ca(), both);
  EXPECT_EQ(mode_of(paths_.api_authority().next_key), 0600u);
  for (int rotation = 0; rotation < 2; ++rotation) {
    EXPECT_EQ(verifies(old), X509_V_OK);
    EXPECT_EQ(verifies(both), X509_V_OK);
    ASSERT_TRUE(rotate(paths_, request_, now));
  }
  EXPECT_NE(read(paths_.peer(milan, "1"))->front().sha256, peer);

  const auto before_switch = read(paths_.peer(milan, "1"))->front().sha256;
  ASSERT_EQ(step().value().step, AuthorityStep::switched);
  EXPECT_EQ(read(paths_.peer(milan, "1"))->front().sha256, before_switch) << "links are not asked";
  EXPECT_EQ(read(paths_.api(milan, "1"))->front().names, names);
  EXPECT_NE(verifies(old), X509_V_OK);
  EXPECT_EQ(verifies(both), X509_V_OK) << "whoever was given it has nothing more to do";
  EXPECT_FALSE(std::filesystem::exists(paths_.api_authority().next_key));

  ASSERT_TRUE(rotate(paths_, request_, now));
  EXPECT_EQ(authorities(), 2u) << "a rotation of certificates retires nothing that clients have";
  ASSERT_EQ(step().value().step, AuthorityStep::retired);
  EXPECT_EQ(authorities(), 1u);
  EXPECT_EQ(verifies(paths_.api_ca()), X509_V_OK);
  EXPECT_EQ(step().value().step, AuthorityStep::announced) << "and again";
}

TEST_F(PublicRotation, NothingIsRetiredThatStillSigns) {
  const std::string frankfurt = "eu-central-1";
  ASSERT_TRUE(init(paths_, "tidegate.internal", {frankfurt}, now));
  ASSERT_TRUE(issue(paths_, {.region = frankfurt}, now));
  ASSERT_TRUE(step());
  ASSERT_TRUE(step());
  EXPECT_EQ(verifies(paths_.api_ca(), frankfurt), X509_V_OK) << "by the old one, which is there";
  const auto refused = step();
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("eu-central-1/1-api.pem"))
      << refused.error().message;
  EXPECT_TRUE(refused.error().mend.contains("--region eu-central-1")) << refused.error().mend;
  EXPECT_EQ(authorities(), 2u);
  ASSERT_TRUE(rotate(paths_, {.region = frankfurt, .names = {}}, now));
  EXPECT_EQ(step().value().step, AuthorityStep::retired);
  EXPECT_EQ(verifies(paths_.api_ca(), frankfurt), X509_V_OK);
}

TEST_F(PublicRotation, AnInterruptedSwitchIsDoneAgain) {
  ASSERT_TRUE(step());
  const AuthorityFiles files = paths_.api_authority();
  const auto kept = paths_.directory / "kept", key_before = paths_.directory / "before";
  std::filesystem::copy(files.next_key, kept);
  std::filesystem::copy(files.key, key_before);
  ASSERT_TRUE(step());
  std::filesystem::copy(kept, files.next_key);
  std::filesystem::copy(key_before, files.key, std::filesystem::copy_options::overwrite_existing);
  ASSERT_EQ(step().value().step, AuthorityStep::switched);
  EXPECT_EQ(verifies(paths_.api_ca()), X509_V_OK);
  EXPECT_EQ(step().value().step, AuthorityStep::retired);
}

TEST_F(Rotation, AKeyThatOthersCanReadSignsNothing) {
  ASSERT_EQ(::chmod(paths_.region_ca_key(milan).c_str(), 0640), 0);
  const auto refused = rotate(paths_, request_, now);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("can be read by others"), std::string::npos);
}

TEST_F(Pki, NamesThatDoNotBelongInAUriAreRefused) {
  for (const char* region : {"", "EU-south-1", "eu/south", "..", "a,b", "a b"}) {
    EXPECT_FALSE(init(paths_, "tidegate.internal", {region}, now)) << region;
    EXPECT_FALSE(issue(paths_, {.region = region}, now)) << region;
  }
  EXPECT_FALSE(issue(paths_, {.region = "eu-south-1", .node = "../x"}, now));
  EXPECT_FALSE(issue(paths_, {.region = "eu-south-1", .names = {"a,DNS:b"}}, now));
}

}  // namespace
}  // namespace tidegate::cli::pki
