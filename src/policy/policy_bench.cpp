// What authorizing one call costs: every check of Nova 2 Lite's row for Milan, against a policy of
// a usual size.
#include <benchmark/benchmark.h>

#include "policy/policy.hpp"

namespace tidegate::policy {
namespace {

void check_a_row(benchmark::State& state) {
  const auto policy = *PolicyDocument::parse("demo", R"({"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["bedrock:InvokeModel*","bedrock:Get*","bedrock:List*"],
     "Resource":["arn:aws:bedrock:*::foundation-model/*","arn:aws:bedrock:*:*:inference-profile/*"],
     "Condition":{"StringLike":{"aws:RequestedRegion":["eu-*"]}}},
    {"Effect":"Deny","Action":"bedrock:*","Resource":"*",
     "Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"}}}]})");
  const auto catalog = catalog::Catalog::built_in();
  const auto* profile = catalog->profile("eu.amazon.nova-2-lite-v1:0");
  const InvokeQuestion question{.action = "bedrock:InvokeModel",
                                .account = "111122223333",
                                .model_id = profile->model_id,
                                .profile = profile,
                                .row = profile->row(catalog::RegionId("eu-south-1"))};
  for (auto _ : state) benchmark::DoNotOptimize(check_invoke({&policy}, question));
}
BENCHMARK(check_a_row);

}  // namespace
}  // namespace tidegate::policy
