// What people see of a proof.
#include "cli/proof_view.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

json::object object(std::string_view text) {
  return json::parse(text).value().get_object();
}

void expect_words(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    EXPECT_NE(text.find(word), std::string::npos) << word << "\nin:\n" << text;
}

constexpr std::string_view broken =
    R"({"bundleSha256":"ab","holds":false,"profiles":132,"regions":35,
  "triples":161700,"allowed":16904,"refused":144796,"violations":3,"tookMs":310,
  "counterexamples":[{"rule":"outside_fence","says":"a layer lets it out of the fence",
    "profile":"eu.amazon.nova-2-lite-v1:0","model":"amazon.nova-2-lite-v1:0",
    "source":"eu-central-1","destination":"eu-central-2",
    "layers":[{"layer":"router","allows":true,"says":""},
              {"layer":"oracle","allows":false,"says":"not in eu"}]}],
  "principals":[{"principal":"arn:aws:iam::111122223333:user/demo","requests":5938,"allowed":12,
    "regions":["eu-central-1","eu-west-1"]}]})";

TEST(ProofView, ShowsTheRequestThatBreaksIt) {
  expect_words(proof_view("b.json", object(broken), *catalog::Catalog::built_in()),
               {"bundle   b.json, SHA-256 ab", "asked    161,700 requests",
                "allowed  16,904, refused 144,796", "3 VIOLATIONS",
                "eu.amazon.nova-2-lite-v1:0 from eu-central-1 (Frankfurt) may run in "
                "eu-central-2 (Zurich)",
                "POST /model/eu.amazon.nova-2-lite-v1%3A0/converse to the endpoint of eu-central-1",
                "router     allows it", "oracle     refuses it: not in eu", "... and 2 more",
                "user/demo", "5,938", "eu-central-1, eu-west-1"});
}

TEST(ProofView, SaysThatItHolds) {
  expect_words(proof_view("built-in", object(R"({"bundleSha256":"ab","holds":true,"triples":8})"),
                          *catalog::Catalog::built_in()),
               {"asked    8 requests", "the fence holds"});
}

StateProof state(std::string region, std::string_view version, std::string_view hash) {
  return {.region = std::move(region),
          .answer = object(fmt::format(
              R"({{"bundleSha256":"ab","holds":true,"violations":0,
                  "rows":[{{"profile":"eu.x","version":{},"source":"eu-west-1","hash":"{}"}}]}})",
              version, hash)),
          .problem = {}};
}

TEST(StateView, ComparesRowsOfTheSameVersion) {
  const std::vector<StateProof> same = {state("a", "1", "h1"), state("b", "1", "h1"),
                                        state("c", "2", "h2")};
  EXPECT_TRUE(row_differences(same).empty());
  expect_words(state_view(same, {}, *catalog::Catalog::built_in()),
               {"REGION", "the same for each version, in the 3 Regions that answered"});

  const auto differences = row_differences({state("a", "1", "h1"), state("b", "1", "h2")});
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences.front(), "eu.x version 1 from eu-west-1: a has h1, b has h2");
}

TEST(StateView, NamesARegionThatDoesNotAnswer) {
  expect_words(state_view({{.region = "a", .answer = {}, .problem = "nothing listens"}}, {},
                          *catalog::Catalog::built_in()),
               {"a", "nothing listens", "in the 0 Regions"});
}

}  // namespace
}  // namespace tidegate::cli
