// What identifying one caller costs: a 1 KB request of boto3's shape, the key already derived.
#include <benchmark/benchmark.h>

#include "aws/sigv4.hpp"
#include "identity/authenticator.hpp"

namespace tidegate::identity {
namespace {

struct Fixture {
  KeyTable keys{
      {{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "arn:aws:iam::1:user/u", true}},
      {{.arn = "arn:aws:iam::1:user/u", .account = "1", .user_id = "u", .policies = {"p"}}}};
  WallTime now = *aws::parse_amz_date("20261122T120000Z");
  std::string body = std::string(1024, 'x');
  Authenticator authenticator{"eu-south-1", std::chrono::minutes(5)};
  http::RequestHead head{.method = "POST",
                         .target = "/model/eu.amazon.nova-2-lite-v1%3A0/converse",
                         .authority = {},
                         .headers = {{"Host", "127.0.0.1:7001"},
                                     {"Accept-Encoding", "identity"},
                                     {"Content-Type", "application/json"},
                                     {"User-Agent", std::string(160, 'u')},
                                     {"Content-Length", "1024"}}};
  Fixture() {
    aws::sign(head, body, {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, "eu-south-1",
              "bedrock", now);
    head.headers.add("amz-sdk-invocation-id", "eef22d6e-3f19-4cb8-aa62-c66ca1fa2c51");
    head.headers.add("amz-sdk-request", "attempt=1");
  }
};

void check_head(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) {
    benchmark::DoNotOptimize(f.authenticator.check_head(f.head, "bedrock", f.keys, f.now));
  }
}
BENCHMARK(check_head);

void verify(benchmark::State& state) {
  Fixture f;
  const auto claim = *f.authenticator.check_head(f.head, "bedrock", f.keys, f.now);
  const Sha256 hash = sha256(f.body);
  for (auto _ : state) {
    auto principal = f.authenticator.verify(claim, f.head, hash, f.keys);
    if (!principal) state.SkipWithError("the signature does not verify");
    benchmark::DoNotOptimize(principal);
  }
}
BENCHMARK(verify);

void hash_of_the_body(benchmark::State& state) {
  Fixture f;
  for (auto _ : state) benchmark::DoNotOptimize(sha256(f.body));
}
BENCHMARK(hash_of_the_body);

void derive_a_key(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(aws::signing_key("secret", "20261122", "eu-south-1", "bedrock"));
  }
}
BENCHMARK(derive_a_key);

}  // namespace
}  // namespace tidegate::identity
