// What the proof of one hop costs, both ends together, by the number of hops in the 100 ms that
// share the signatures: the routing token made, opened and admitted, what was asked and answered
// put into the books of both ends, and the hop's part of the two batches. Everything but the link
// and the disk. docs/decisions/0006-attestations.md has the budget.
#include <benchmark/benchmark.h>

#include "base/limits.hpp"
#include "base/virtual_loop.hpp"
#include "gateway/attestations.hpp"
#include "peer/admission.hpp"
#include "peer/signing_fixture.hpp"
#include "peer/token.hpp"
#include "peer/token_fixture.hpp"

namespace tidegate::gateway {
namespace {

using attest::Of;
using When = Attestations::When;

// Takes entries and forgets them.
class CountingLog final : public audit::Log {
 public:
  std::uint64_t bytes = 0;
  Target target() const override { return {}; }
  Result<Written> append(const Target&, std::string_view lines, std::uint64_t) override {
    bytes += lines.size();
    return Written{};
  }
  void on_synced(std::uint64_t, std::move_only_function<void(Result<void>)> done) override {
    done({});
  }
  audit::Durability durability() const override { return {}; }
  Result<audit::EventPage> lookup(const audit::EventQuery&) override { return {}; }
  Result<std::optional<json::object>> find(std::string_view) override { return {}; }
  Result<std::vector<json::object>> service_events(std::optional<WallTime>, std::size_t) override {
    return {};
  }
  Result<audit::Unattested> unattested() override { return {}; }
  void tick() override {}
  void set_waker(std::move_only_function<void()>) override {}
  Health health() const override { return {}; }
};

// Milan asks, Frankfurt runs.
struct Hop {
  const catalog::RegionId milan{"eu-south-1"}, frankfurt{"eu-central-1"};
  VirtualLoop loop;
  SeededRng rng{1};
  std::shared_ptr<peer::testing::Bundles> bundles = std::make_shared<peer::testing::Bundles>();
  peer::testing::FixedIdentity asks{milan.str(), "test.internal", rng, loop.clock().wall(),
                                    bundles};
  peer::testing::FixedIdentity runs{frankfurt.str(), "test.internal", rng, loop.clock().wall(),
                                    bundles};
  CountingLog log, unused;
  Attestations source{milan.str(), {frankfurt}, asks, log, loop.clock()};
  Attestations destination{frankfurt.str(), {milan}, runs, unused, loop.clock()};
  Attestations::Cursor told;
  const peer::TokenSigner signer{catalog::Catalog::built_in()};
  const peer::Admission admission{catalog::Catalog::built_in(), frankfurt,
                                  std::make_shared<peer::ReplayTable>(limits::replay_entries),
                                  false};
  const Sha256 body = sha256(peer::body), answer = sha256("answer");
  peer::RoutingToken token = peer::good_token();

  // The token alone: what a hop cost before anything was signed.
  std::pair<Sha256, peer::OpenedToken> admit() {
    token.jti = make_uuid(rng);
    token.expires_ms = peer::unix_ms(loop.clock().wall()) + 60'000;
    const auto sealed = signer.sign(token, peer::link_key);
    auto opened = peer::open_token(sealed->bytes, peer::link_key);
    const auto admitted = admission.admit({.peer_region = milan.str(),
                                           .token = opened->token,
                                           .body_hash = body,
                                           .now = loop.clock().wall()});
    if (!admitted) throw std::runtime_error(admitted.error().why);
    return {sealed->leaf, *std::move(opened)};
  }

  void run() {
    const auto [asked, opened] = admit();
    source.made(Of::tokens, frankfurt, asked);
    destination.expect(Of::tokens, milan, opened.leaf, opened.token.request_id);
    const std::int64_t at = peer::unix_ms(loop.clock().wall());
    destination.made(Of::attestations, milan,
                     peer::attestation_of(opened.token, opened.leaf, answer, "success", at).leaf());
    source.expect(Of::attestations, frankfurt,
                  peer::attestation_of(token, asked, answer, "success", at).leaf(),
                  token.request_id);
  }

  void sign() {
    loop.run_for(limits::batch_interval);
    accept(source, frankfurt, Of::attestations, destination.lines(milan, told, When::now));
    while (const auto tokens = source.next_tokens(frankfurt))
      accept(destination, milan, Of::tokens, *tokens);
  }

  static void accept(Attestations& at, const catalog::RegionId& peer, Of of,
                     std::string_view lines) {
    for (; !lines.empty(); lines.remove_prefix(lines.find('\n') + 1)) {
      const auto taken = at.accept(peer, of, lines.substr(0, lines.find('\n')));
      if (!taken) throw std::runtime_error(taken.error().why);
    }
  }
};

void per_hop(benchmark::State& state, std::size_t hops) {
  state.counters["us_a_hop"] = benchmark::Counter(
      static_cast<double>(hops) * 1e-6,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void token(benchmark::State& state) {
  Hop hop;
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) benchmark::DoNotOptimize(hop.admit());
    hop.loop.run_for(limits::batch_interval);
  }
  per_hop(state, 100);
}
BENCHMARK(token);

void proof(benchmark::State& state) {
  const auto hops = static_cast<std::size_t>(state.range(0));
  Hop hop;
  hop.sign();
  for (auto _ : state) {
    for (std::size_t i = 0; i < hops; ++i) hop.run();
    hop.sign();
  }
  if (hop.source.outstanding() + hop.destination.outstanding() > 0) {
    state.SkipWithError("not every hop was signed for");
  }
  per_hop(state, hops);
  state.counters["log_bytes_a_hop"] = static_cast<double>(hop.log.bytes) /
                                      static_cast<double>(hops) /
                                      static_cast<double>(state.iterations());
}
BENCHMARK(proof)->Arg(1)->Arg(10)->Arg(100)->Arg(1'000);

}  // namespace
}  // namespace tidegate::gateway
