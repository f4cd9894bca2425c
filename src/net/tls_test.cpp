#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "net/dial.hpp"
#include "net/h2_channel.hpp"
#include "net/net_test_support.hpp"
#include "net/pooled_client.hpp"
#include "net/tls_stream.hpp"

namespace tidegate::net::test {
namespace {

// --- certificates made here ---

struct Issued {
  std::shared_ptr<X509> certificate{X509_new(), X509_free};
  std::shared_ptr<EVP_PKEY> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
};

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ASSERT_TRUE(extension) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// URIs go in as bytes, because the interesting ones are those that no tool would write.
void add_uris(X509* certificate, const std::vector<std::string>& uris) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  for (const std::string& uri : uris) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    sk_GENERAL_NAME_push(names, name);
  }
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
  GENERAL_NAMES_free(names);
}

struct Recipe {
  std::vector<std::string> uris;
  long from_s = -3'600, to_s = 86'400;
  bool ca = false;
  std::string names{};  // instead of URIs: "DNS:..,IP:.."
};

Issued issue(const Recipe& recipe, const Issued* issuer) {
  static long serial = 1;
  Issued made;
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), recipe.from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), recipe.to_s);
  X509_set_pubkey(certificate, made.key.get());
  const std::string name = fmt::format("test {}", serial);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* above = issuer ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(above));
  extend(certificate, above, NID_basic_constraints,
         recipe.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(certificate, above, NID_key_usage,
         recipe.ca ? "critical,keyCertSign" : "critical,digitalSignature");
  if (!recipe.ca) extend(certificate, above, NID_ext_key_usage, "serverAuth,clientAuth");
  if (!recipe.uris.empty()) add_uris(certificate, recipe.uris);
  if (!recipe.names.empty()) extend(certificate, above, NID_subject_alt_name, recipe.names);
  X509_sign(certificate, issuer ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

class Pki {
 public:
  Pki() : folder_(testing::TempDir() + "tidegate-tls-test-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~Pki() { std::filesystem::remove_all(folder_); }

  // Certificate and key on disk; the same CA for the same name.
  TlsFiles make(const std::string& ca, Recipe recipe) {
    const Issued made = issue(recipe, &authority(ca));
    return write(fmt::format("{}/{}", folder_, ++files_), made);
  }
  std::string bundle(const std::string& ca) {
    return write(fmt::format("{}/ca-{}", folder_, ca), authority(ca)).certificate;
  }
  const std::string& folder() const { return folder_; }

 private:
  const Issued& authority(const std::string& name) {
    auto found = authorities_.find(name);
    if (found == authorities_.end())
      found = authorities_.emplace(name, issue({.uris = {}, .ca = true}, nullptr)).first;
    return found->second;
  }
  static TlsFiles write(const std::string& stem, const Issued& made) {
    TlsFiles files{stem + ".pem", stem + ".key"};
    FILE* file = std::fopen(files.certificate.c_str(), "w");
    PEM_write_X509(file, made.certificate.get());
    std::fclose(file);
    file = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(file, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ::chmod(files.key.c_str(), 0600);
    return files;
  }
  std::string folder_;
  std::map<std::string, Issued> authorities_;
  int files_ = 0;
};

const std::string milan = "spiffe://eu-south-1.tidegate.internal/gw/1";
const std::string dublin = "spiffe://eu-west-1.tidegate.internal/gw/1";
WallTime today() {
  return SystemClock().wall();
}

PeerTrust trust_of(Pki& pki, const std::string& self) {
  return {catalog::RegionId(self),
          "tidegate.internal",
          {{catalog::RegionId("eu-south-1"), pki.bundle("milan")},
           {catalog::RegionId("eu-west-1"), pki.bundle("dublin")}}};
}

// --- loading ---

TEST(TlsContext, SaysWhichFileIsWrongAndHowToMendIt) {
  Pki pki;
  const TlsFiles good = pki.make("milan", {{milan}});
  const TlsFiles other = pki.make("milan", {{milan}});
  const TlsFiles expired = pki.make("milan", {.uris = {milan}, .from_s = -7'200, .to_s = -3'600});
  const TlsFiles early = pki.make("milan", {.uris = {milan}, .from_s = 3'600});
  const std::string noise = pki.folder() + "/noise";
  std::ofstream(noise) << "not PEM";
  ::chmod(noise.c_str(), 0600);
  const TlsFiles open = pki.make("milan", {{milan}});
  ::chmod(open.key.c_str(), 0644);

  EXPECT_TRUE(TlsContext::for_clients(good, today()));
  struct {
    TlsFiles files;
    std::string names, says;
  } const table[] = {
      {{"/nowhere.pem", good.key}, "/nowhere.pem", "No such file"},
      {{good.certificate, "/nowhere.key"}, "/nowhere.key", "No such file"},
      {{noise, good.key}, noise, "not a certificate"},
      {{good.certificate, noise}, noise, "private key in PEM form"},
      {{good.certificate, other.key}, other.key, "does not belong"},
      {expired, expired.certificate, "expired at"},
      {early, early.certificate, "not valid before"},
      {open, open.key, "read by others (mode 0644)"},
  };
  for (const auto& row : table) {
    const auto context = TlsContext::for_clients(row.files, today());
    ASSERT_FALSE(context) << row.says;
    EXPECT_EQ(context.error().code, ErrorCode::configuration);
    EXPECT_TRUE(context.error().message.starts_with(row.names + ": ")) << context.error().message;
    EXPECT_TRUE(context.error().message.contains(row.says)) << context.error().message;
    EXPECT_FALSE(context.error().mend.empty());
  }
}

TEST(TlsContext, APeerContextNeedsItsOwnIdentityAndBundles) {
  Pki pki;
  const PeerTrust trust = trust_of(pki, "eu-south-1");
  EXPECT_TRUE(TlsContext::for_peers(pki.make("milan", {{milan}}), trust, today()));
  EXPECT_FALSE(TlsContext::for_peers(pki.make("milan", {{dublin}}), trust, today()))
      << "another Region's certificate";
  EXPECT_FALSE(TlsContext::for_peers(pki.make("milan", {}), trust, today())) << "no URI";
  PeerTrust broken = trust;
  broken.bundles.begin()->second = "/nowhere";
  EXPECT_TRUE(TlsContext::for_peers(pki.make("milan", {{milan}}), broken, today())
                  .error()
                  .message.contains("/nowhere"));
}

// --- peers ---

struct Meeting {
  bool dialled = false, accepted = false;
  std::string dialler_says, acceptor_says;
  http::ConnectionInfo dialler, acceptor;
};

Task<void> accept_one(EpollLoop* loop, Descriptor* listening,
                      std::shared_ptr<const TlsContext> context, Meeting* meeting, Event* done) {
  for (int tries = 0; tries < 500; ++tries) {
    Descriptor socket(::accept4(listening->get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      co_await sleep_for(*loop, 1ms);
      continue;
    }
    auto stream = co_await TlsStream::accept(
        *loop, std::make_unique<SocketStream>(*loop, std::move(socket), Address()), {}, context,
        1s);
    meeting->accepted = stream.has_value();
    if (stream) {
      meeting->acceptor = (*stream)->info();
      (void)co_await (*stream)->write("hello");
      char byte;
      (void)co_await (*stream)->read({&byte, 1});  // until the other side is done
    } else {
      meeting->acceptor_says = stream.error().message;
    }
    break;
  }
  done->set();
}

Task<void> meet(EpollLoop* loop, std::shared_ptr<const TlsContext> server,
                std::shared_ptr<const TlsContext> client, std::string expected, Meeting* meeting) {
  Descriptor listening = std::move(listen_tcp("127.0.0.1", 0, 1)->front());
  Event done(*loop);
  spawn(accept_one(loop, &listening, std::move(server), meeting, &done));
  {
    auto stream = co_await dial_peer(*loop, *Address::tcp("127.0.0.1", port_of(listening)),
                                     std::move(client), catalog::RegionId(expected), 2s);
    if (stream) {
      meeting->dialler = (*stream)->info();
      // In TLS 1.3 the client has finished before the server has seen its certificate: believe it
      // once it speaks.
      char bytes[16];
      const auto got = co_await (*stream)->read(bytes);
      meeting->dialled = got && *got == 5;
    } else {
      meeting->dialler_says = stream.error().message;
    }
  }
  co_await done.wait();
}

Meeting meeting_of(std::shared_ptr<const TlsContext> server,
                   std::shared_ptr<const TlsContext> client, const std::string& expected) {
  EpollLoop loop;
  Meeting meeting;
  run_to_end(loop, meet(&loop, std::move(server), std::move(client), expected, &meeting));
  return meeting;
}

TEST(TlsPeers, KnowEachOtherAndShareASecret) {
  Pki pki;
  const auto server =
      *TlsContext::for_peers(pki.make("dublin", {{dublin}}), trust_of(pki, "eu-west-1"), today());
  const auto client =
      *TlsContext::for_peers(pki.make("milan", {{milan}}), trust_of(pki, "eu-south-1"), today());
  const Meeting first = meeting_of(server, client, "eu-west-1");
  ASSERT_TRUE(first.dialled && first.accepted) << first.dialler_says << first.acceptor_says;
  EXPECT_EQ(first.dialler.peer_uri, dublin);
  EXPECT_EQ(first.acceptor.peer_uri, milan);
  EXPECT_EQ(first.dialler.tls_version, "TLSv1.3");
  ASSERT_TRUE(first.dialler.link_key && first.acceptor.link_key);
  EXPECT_EQ(first.dialler.link_key->sign("x"), first.acceptor.link_key->sign("x"));
  const Meeting second = meeting_of(server, client, "eu-west-1");
  ASSERT_TRUE(second.dialler.link_key);
  EXPECT_NE(second.dialler.link_key->sign("x"), first.dialler.link_key->sign("x"))
      << "each link has its own";
}

TEST(TlsContext, TrustsTwoAuthoritiesOfARegionAtMost) {
  Pki pki;
  const TlsFiles own = pki.make("dublin", {{dublin}});
  PeerTrust trust = trust_of(pki, "eu-west-1");
  const std::string both = pki.folder() + "/both", three = pki.folder() + "/three";
  const auto join = [&](const std::string& into, const std::vector<std::string>& authorities) {
    std::ofstream out(into);
    for (const std::string& one : authorities) out << std::ifstream(pki.bundle(one)).rdbuf();
  };
  join(both, {"milan", "milan-next"});
  join(three, {"milan", "milan-next", "milan-old"});
  trust.bundles[catalog::RegionId("eu-south-1")] = both;
  const auto server = TlsContext::for_peers(own, trust, today());
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ((*server)->facts().authorities.at(catalog::RegionId("eu-south-1")), 2u);
  for (const char* authority : {"milan", "milan-next"}) {
    const auto client = *TlsContext::for_peers(pki.make(authority, {{milan}}),
                                               trust_of(pki, "eu-south-1"), today());
    EXPECT_TRUE(meeting_of(*server, client, "eu-west-1").accepted) << authority;
  }
  trust.bundles[catalog::RegionId("eu-south-1")] = three;
  const auto refused = TlsContext::for_peers(own, trust, today());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("at most 2 authorities")) << refused.error().message;
}

// As systemd 252 shows a credential to a service that runs as another user than root.
TEST(TlsContext, TakesAKeyThatSystemdKeeps) {
  Pki pki;
  const TlsFiles files = pki.make("milan", {{milan}});
  ::chmod(files.key.c_str(), 0440);
  EXPECT_FALSE(TlsContext::for_clients(files, today()));
  ::setenv("CREDENTIALS_DIRECTORY", pki.folder().c_str(), 1);
  EXPECT_TRUE(TlsContext::for_clients(files, today()));
  ::chmod(files.key.c_str(), 0444);
  EXPECT_FALSE(TlsContext::for_clients(files, today()));
  ::chmod(files.key.c_str(), 0440);
  ::setenv("CREDENTIALS_DIRECTORY", "/elsewhere", 1);
  EXPECT_FALSE(TlsContext::for_clients(files, today()));
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

Task<void> dial_channel(EpollLoop* loop, std::uint16_t port,
                        std::shared_ptr<const TlsContext> context,
                        std::shared_ptr<H2Channel>* into) {
  auto stream = co_await dial_peer(*loop, *Address::tcp("127.0.0.1", port), std::move(context),
                                   catalog::RegionId("eu-west-1"), 5s, nullptr);
  if (!stream) co_return;
  *into = H2Channel::start(*loop, *std::move(stream), {.authority = "test"});
  co_await (*into)->ready();
}

TEST(TlsPeers, LoseTheirLinkWithTheirTrust) {
  Pki pki;
  const TlsFiles own = pki.make("dublin", {{dublin}});
  PeerTrust trust = trust_of(pki, "eu-west-1");
  const auto before = *TlsContext::for_peers(own, trust, today());
  trust.bundles[catalog::RegionId("eu-south-1")] = pki.bundle("milan-next");
  const auto after = *TlsContext::for_peers(own, trust, today());
  ListenerOptions options;
  options.security = Security::tls;
  options.tls = [&] { return before; };
  options.connection.h2_profile = http::H2Profile::peer_link;
  Server server(std::move(options));
  WorkerThread worker("milan");
  std::shared_ptr<H2Channel> channel;
  worker.run(dial_channel(
      &worker.loop(), server.port,
      *TlsContext::for_peers(pki.make("milan", {{milan}}), trust_of(pki, "eu-south-1"), today()),
      &channel));
  const auto usable = [&] { return worker.call([&] { return channel->usable(); }); };
  ASSERT_TRUE(channel && usable());
  EXPECT_TRUE(worker.call([&] { return channel->trusted_by(*before); }))
      << "Dublin's certificate is as good as it was";
  server.worker.call([&] { server.listener->recheck(*before); });
  EXPECT_EQ(server.connections(), 1u);
  server.worker.call([&] { server.listener->recheck(*after); });
  EXPECT_TRUE(eventually([&] { return !usable(); }));
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
  worker.call([&] { channel.reset(); });
}

// The context of a gateway whose certificate nobody checked before it was installed: what an
// attacker would run.
std::shared_ptr<const TlsContext> rogue(Pki& pki, const TlsFiles& files) {
  const auto context =
      *TlsContext::for_peers(pki.make("milan", {{milan}}), trust_of(pki, "eu-south-1"), today());
  SSL_CTX_use_certificate_chain_file(context->native(), files.certificate.c_str());
  SSL_CTX_use_PrivateKey_file(context->native(), files.key.c_str(), SSL_FILETYPE_PEM);
  return context;
}

TEST(TlsPeers, AreRefusedWhateverElseTheyShow) {
  Pki pki;
  struct {
    const char* name;
    std::string ca;
    Recipe recipe;
    std::string says;
  } const table[] = {
      {"another Region's CA", "dublin", {{milan}}, "not valid under the CA of eu-south-1"},
      {"an unknown CA", "stranger", {{milan}}, "not valid under the CA of eu-south-1"},
      {"two URIs", "milan", {{milan, dublin}}, "exactly one URI"},
      {"the same URI twice", "milan", {{milan, milan}}, "exactly one URI"},
      {"no URI", "milan", {}, "exactly one URI"},
      {"upper case", "milan", {{"spiffe://EU-SOUTH-1.tidegate.internal/gw/1"}}, "not the identity"},
      {"upper-case scheme",
       "milan",
       {{"SPIFFE://eu-south-1.tidegate.internal/gw/1"}},
       "not the identity"},
      {"another domain",
       "milan",
       {{"spiffe://eu-south-1.elsewhere.internal/gw/1"}},
       "not the identity"},
      {"a NUL and then the truth", "milan", {{milan + std::string("\0x", 2)}}, "not the identity"},
      {"percent-encoded",
       "milan",
       {{"spiffe://eu-south-1.tidegate.internal/gw%2f1"}},
       "not the identity"},
      {"an IDN look-alike, encoded",
       "milan",
       {{"spiffe://xn--eu-outh-1-9bf.tidegate.internal/gw/1"}},
       "not the identity"},
      {"an IDN look-alike, in UTF-8",
       "milan",
       {{"spiffe://eu-\xd1\x95outh-1.tidegate.internal/gw/1"}},
       "not the identity"},
      {"a NUL in front", "milan", {{std::string("\0", 1) + milan}}, "not the identity"},
      {"an untrusted Region",
       "milan",
       {{"spiffe://us-east-1.tidegate.internal/gw/1"}},
       "us-east-1, whose CA"},
      {"expired", "milan", {.uris = {milan}, .from_s = -7'200, .to_s = -3'600}, "expired"},
      {"not yet valid", "milan", {.uris = {milan}, .from_s = 3'600}, "not yet valid"},
      {"a CA as a gateway", "milan", {.uris = {milan}, .ca = true}, "CA's certificate"},
  };
  const auto honest =
      *TlsContext::for_peers(pki.make("dublin", {{dublin}}), trust_of(pki, "eu-west-1"), today());
  for (const auto& row : table) {
    const auto bad = rogue(pki, pki.make(row.ca, row.recipe));
    const Meeting dialling = meeting_of(honest, bad, "eu-west-1");
    EXPECT_FALSE(dialling.accepted || dialling.dialled) << row.name;
    EXPECT_TRUE(dialling.acceptor_says.contains(row.says))
        << row.name << ": " << dialling.acceptor_says;
    const Meeting dialled = meeting_of(bad, honest, "eu-south-1");
    EXPECT_FALSE(dialled.accepted || dialled.dialled) << row.name;
    EXPECT_TRUE(dialled.dialler_says.contains(row.says))
        << row.name << ": " << dialled.dialler_says;
  }
  const auto milan_itself = rogue(pki, pki.make("milan", {{milan}}));
  EXPECT_TRUE(meeting_of(honest, milan_itself, "eu-west-1").dialled)
      << "the rogue helper can also be good";
  const Meeting wrong = meeting_of(milan_itself, honest, "eu-west-1");
  EXPECT_TRUE(wrong.dialler_says.contains("it is eu-south-1, not eu-west-1")) << wrong.dialler_says;
}

TEST(TlsPeers, NeedACertificateAndTls13) {
  Pki pki;
  const auto honest =
      *TlsContext::for_peers(pki.make("dublin", {{dublin}}), trust_of(pki, "eu-west-1"), today());
  const auto bare = *TlsContext::for_clients(pki.make("milan", {{milan}}), today());
  SSL_CTX_set_alpn_protos(bare->native(), reinterpret_cast<const unsigned char*>("\2h2"), 3);
  SSL_CTX* const context = bare->native();
  EXPECT_TRUE(meeting_of(honest, bare, "eu-west-1").accepted)
      << "it shows its certificate, and that is good";
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  EXPECT_FALSE(meeting_of(honest, bare, "eu-west-1").accepted);
}

// --- clients ---

std::string over_tls(std::uint16_t port, const char* alpn, const std::string& request,
                     std::string* chosen) {
  Client socket(port);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  if (alpn)
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn),
                        static_cast<unsigned>(strlen(alpn)));
  SSL_set_fd(ssl, socket.fd());
  std::string all;
  if (SSL_connect(ssl) == 1) {
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &protocol, &size);
    if (chosen) chosen->assign(reinterpret_cast<const char*>(protocol), size);
    SSL_write(ssl, request.data(), static_cast<int>(request.size()));
    char piece[16384];
    for (int got; (got = SSL_read(ssl, piece, sizeof piece)) > 0;)
      all.append(piece, static_cast<std::size_t>(got));
  } else {
    all = "refused";
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  return all;
}

TEST(TlsClients, AreServedOnTheSamePortAsPlainOnes) {
  Pki pki;
  const std::shared_ptr<const TlsContext> context =
      *TlsContext::for_clients(pki.make("milan", {{milan}}), today());
  ListenerOptions options;
  options.security = Security::plain_or_tls;
  options.tls = [&] { return context; };
  Server server(std::move(options));

  const std::string large(200'000, 'x');
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n" +
      large;
  std::string chosen;
  EXPECT_TRUE(over_tls(server.port, nullptr, request, nullptr).ends_with(large));
  EXPECT_TRUE(over_tls(server.port, "\x08http/1.1", request, &chosen).ends_with(large));
  EXPECT_EQ(chosen, "http/1.1");
  const std::string frames =
      over_tls(server.port, "\x02h2", "PRI * HTTP/2.0\r\n\r\nnonsense", &chosen);
  EXPECT_EQ(chosen, "h2");
  EXPECT_TRUE(frames.size() > 9 && frames[3] == 4) << "HTTP/2 begins with SETTINGS";
  EXPECT_EQ(over_tls(server.port, "\x04xyz1", request, nullptr), "refused");

  Client plain(server.port);
  plain.send("GET /info HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(plain.receive_until("\r\n\r\n")), 200);
  Client noise(server.port);
  noise.send(std::string("\x16\x03\x01\x00\x05hello", 10));
  EXPECT_TRUE(noise.closed());
}

Task<void> ask_over_tls(PooledClient* client, std::string* told) {
  auto exchange = co_await client->send({"POST", "/echo", {}, "hello"},
                                        {.connect = 1s, .first_byte = 2s, .idle = 2s}, nullptr);
  if (!exchange) {
    *told = exchange.error().message;
    co_return;
  }
  if (auto head = co_await (*exchange)->head(); !head) {
    *told = head.error().message;
    co_return;
  }
  for (;;) {
    auto piece = co_await (*exchange)->next_body();
    if (!piece || piece->empty()) co_return;
    *told += *piece;
  }
}

TEST(TlsServers, MustBeWhoWasMeant) {
  Pki pki;
  const std::shared_ptr<const TlsContext> served = *TlsContext::for_clients(
      pki.make("milan", {.uris = {}, .names = "DNS:model.test,IP:127.0.0.1"}), today());
  ListenerOptions options;
  options.security = Security::tls;
  options.tls = [&] { return served; };
  Server server(std::move(options));
  const auto said = [&](const std::string& bundle, const std::string& name) {
    PooledClientOptions client_options;
    client_options.tls = *TlsContext::for_servers(bundle);
    client_options.tls_name = name;
    std::string told;
    WorkerThread worker("caller");
    std::unique_ptr<PooledClient> client;
    worker.call([&] {
      client = std::make_unique<PooledClient>(
          worker.loop(), *Address::tcp("127.0.0.1", server.port), client_options);
    });
    worker.run(ask_over_tls(client.get(), &told));
    worker.call([&] { client.reset(); });
    return told;
  };
  EXPECT_EQ(said(pki.bundle("milan"), "model.test"), "hello");
  EXPECT_EQ(said(pki.bundle("milan"), "127.0.0.1"), "hello");
  EXPECT_NE(said(pki.bundle("milan"), "bedrock-runtime.eu-south-1.amazonaws.com"), "hello");
  EXPECT_NE(said(pki.bundle("dublin"), "model.test"), "hello");
  EXPECT_NE(said("", "model.test"), "hello") << "the system's CAs do not know ours";
}

TEST(TlsClients, AreRefusedWhereThereIsNoTlsAndPlainOnesWhereTlsIsDemanded) {
  Server plain_only;
  EXPECT_EQ(over_tls(plain_only.port, nullptr, "", nullptr), "refused");
  Pki pki;
  const std::shared_ptr<const TlsContext> context =
      *TlsContext::for_clients(pki.make("milan", {{milan}}), today());
  ListenerOptions options;
  options.security = Security::tls;
  options.tls = [&] { return context; };
  Server tls_only(std::move(options));
  Client plain(tls_only.port);
  plain.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string answer;
  EXPECT_TRUE(plain.closed(&answer));
  EXPECT_EQ(answer, "");
}

}  // namespace
}  // namespace tidegate::net::test
