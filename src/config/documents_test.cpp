// The documents file: what is read, where mistakes are found (inside policies too), and the JSON
// form.
#include "config/documents.hpp"

#include <gtest/gtest.h>

#include "policy/policy.hpp"

namespace tidegate::config {
namespace {

constexpr std::string_view good = R"(policies:
  - name: invoke-eu
    document:
      Version: 2012-10-17
      Statement:
        - Effect: Allow
          Action: ["bedrock:InvokeModel*", "bedrock:Get*"]
          Resource: "*"
  - name: lookup
    document: |
      {"Version": "2012-10-17",
       "Statement": [{"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]}
principals:
  - arn: arn:aws:iam::111122223333:user/demo
    policies: [invoke-eu, lookup]
  - arn: arn:aws:iam::111122223333:user/global
    policies: [invoke-eu]
    global_grant: on
keys:
  - id: AKIAIOSFODNN7EXAMPLE
    secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
    principal: arn:aws:iam::111122223333:user/demo
)";

Checked<gateway::Documents> parse(const std::string& text,
                                  References references = References::closed) {
  return parse_documents(text, "d.yaml", "/etc/tidegate", references);
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(good);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Documents, ReadsNarrowedRows) {
  const auto of = [](std::string_view rows) {
    return parse(replaced("    global_grant: on\n",
                          "    global_grant: on\n    narrowed_rows: " + std::string(rows) + "\n"));
  };
  const auto documents =
      of("{eu.a.m-v1:0: [eu-central-1, eu-west-1], eu.b.m-v4:0: [eu-central-1]}");
  ASSERT_TRUE(documents) << documents.error().front().message;
  const auto& narrowed = documents->principals[1].narrowed_rows;
  ASSERT_EQ(narrowed.size(), 2u);
  EXPECT_EQ(narrowed[0].profile, "eu.a.m-v1:0");
  EXPECT_EQ(narrowed[0].regions, (std::vector<std::string>{"eu-central-1", "eu-west-1"}));
  EXPECT_EQ(narrowed[1].profile, "eu.b.m-v4:0");
  const std::pair<const char*, const char*> wrong[] = {
      {"[eu-central-1]", "d.yaml:19:20: \"narrowed_rows\" is"},
      {"{eu.a: eu-central-1}", "d.yaml:19:27: \"eu.a\" is"},
      {"{eu.a: []}", "d.yaml:19:21: \"eu.a\" is left without a Region"},
      {"{eu.a: [x], eu.a: [y]}", "d.yaml:19:32: \"eu.a\" is in narrowed_rows twice"}};
  for (const auto& [rows, words] : wrong) {
    const auto refused = of(rows);
    ASSERT_FALSE(refused) << rows;
    EXPECT_TRUE(refused.error().front().message.starts_with(words))
        << refused.error().front().message;
  }
}

TEST(Documents, ReadsPoliciesPrincipalsAndKeys) {
  const auto documents = parse(std::string(good));
  ASSERT_TRUE(documents) << documents.error().front().message;
  ASSERT_EQ(documents->policies.size(), 2u);
  const auto policy = policy::PolicyDocument::parse("invoke-eu", documents->policies[0].json);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->statements.at(0).actions.size(), 2u);
  ASSERT_EQ(documents->principals.size(), 2u);
  EXPECT_EQ(documents->principals[0].account, "111122223333");
  EXPECT_EQ(documents->principals[0].user_id.size(), 21u);
  EXPECT_TRUE(documents->principals[0].user_id.starts_with("AIDA"));
  EXPECT_FALSE(documents->principals[0].global_grant);
  EXPECT_TRUE(documents->principals[1].global_grant);
  EXPECT_TRUE(documents->principals[0].narrowed_rows.empty());
  EXPECT_NE(documents->principals[0].user_id, documents->principals[1].user_id);
  ASSERT_EQ(documents->keys.size(), 1u);
  EXPECT_EQ(documents->keys[0].principal_arn, "arn:aws:iam::111122223333:user/demo");
}

TEST(Documents, ApiKeysAreKeptAsDigests) {
  const auto documents = parse(std::string(good) + R"(api_keys:
  - {sha256: 2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824, name: ci,
     principal: "arn:aws:iam::111122223333:user/demo", expires: 2027-01-31T00:00:00Z}
)");
  ASSERT_TRUE(documents) << documents.error().front().message;
  ASSERT_EQ(documents->api_keys.size(), 1u);
  const auto& key = documents->api_keys[0];
  EXPECT_EQ(key.digest, sha256("hello"));
  EXPECT_EQ(key.key_id, identity::api_key_id(key.digest));
  EXPECT_EQ(key.name, "ci");
  EXPECT_TRUE(key.active);
  EXPECT_EQ(key.expires, std::chrono::sys_days{std::chrono::year(2027) / 1 / 31});
}

struct Mistake {
  std::string name, from, to, message;
};
class DocumentsMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(DocumentsMistakes, AreToldWithPosition) {
  const auto documents = parse(replaced(GetParam().from, GetParam().to));
  ASSERT_FALSE(documents);
  EXPECT_EQ(documents.error().front().message.substr(0, GetParam().message.size()),
            GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, DocumentsMistakes,
    testing::Values(
        Mistake{"UnknownPolicy", "policies: [invoke-eu, lookup]", "policies: [invoke-eu, lokup]",
                "d.yaml:15:27: no policy \"lokup\" is in this file"},
        Mistake{
            "UnknownPrincipal", "principal: arn:aws:iam::111122223333:user/demo",
            "principal: arn:aws:iam::111122223333:user/dem",
            "d.yaml:22:16: no principal \"arn:aws:iam::111122223333:user/dem\" is in this file"},
        Mistake{"NotAPrincipal", "arn: arn:aws:iam::111122223333:user/demo",
                "arn: arn:aws:iam::1111:user/demo",
                "d.yaml:14:10: \"arn\" is \"arn:aws:iam::1111:user/demo\""},
        Mistake{"PolicyTwice", "name: lookup", "name: invoke-eu",
                "d.yaml:9:11: \"invoke-eu\" is in policies twice"},
        Mistake{"ShortSecret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "hunter2",
                "d.yaml:21:13: \"secret\" has 7 characters"},
        Mistake{"ShortKey", "AKIAIOSFODNN7EXAMPLE", "AKIA", "d.yaml:20:9: \"id\" is \"AKIA\""},
        Mistake{"InMap", "Effect: Allow", "Effect: Alow", "d.yaml:6:19: policy \"invoke-eu\": "},
        Mistake{"InBlock", "[{\"Effect\": \"Allow\"", "[{\"Effect\": \"Alow\"",
                "d.yaml:12:33: policy \"lookup\": "},
        Mistake{"BlockSyntax", "\"Resource\": \"*\"}]}", "\"Resource\": \"*\"}}", "d.yaml:12:"}),
    [](const auto& info) { return info.param.name; });

TEST(Documents, OddShapesAreProblems) {
  const char* rows[] = {"",
                        "[]",
                        "policies: a",
                        "policies: [a]",
                        "policies: [{name: a}]",
                        "policies: [{name: a, document: [b]}]",
                        "policies: [{name: a, document: {b: ~}}]",
                        "policies: [{name: a, document: {[x]: b}}]",
                        "policies: [{name: a, document: &a {b: *a}}]",
                        "policies: [{name: a, document: b, file: c}]",
                        "policies: [{name: a, file: /nowhere}]",
                        "principals: [{arn: [a]}]",
                        "principals: [~]",
                        "keys: [{id: {a: b}}]",
                        "keys: {}",
                        "api_keys: [{sha256: abc, principal: 'arn:aws:iam::111122223333:user/a', "
                        "expires: 2027-01-31T00:00:00Z}]",
                        "api_keys: [{sha256: "
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, "
                        "principal: 'arn:aws:iam::111122223333:user/a', expires: tomorrow}]"};
  for (const char* row : rows) EXPECT_FALSE(parse(row, References::open)) << row;
}

TEST(Documents, OpenReferencesMayBeInTheStore) {
  const std::string text =
      "keys:\n  - {id: AKIAIOSFODNN7EXAMPLE, secret: 0123456789abcdef, principal: "
      "'arn:aws:iam::111122223333:role/app'}\n";
  EXPECT_FALSE(parse(text));
  EXPECT_TRUE(parse(text, References::open));
}

TEST(Documents, PrincipalArns) {
  const std::pair<const char*, bool> rows[] = {{"arn:aws:iam::111122223333:user/demo", true},
                                               {"arn:aws:iam::111122223333:role/a/b-c", true},
                                               {"arn:aws:iam::111122223333:user/", false},
                                               {"arn:aws:iam::111122223333:group/x", false},
                                               {"arn:aws:iam:eu-west-1:111122223333:user/x", false},
                                               {"arn:aws:iam::1111222233334:user/x", false},
                                               {"arn:aws:iam::11112222333x:user/x", false},
                                               {"arn:aws:iam::111122223333:user/a b", false},
                                               {"arn:aws:sts::111122223333:user/x", false},
                                               {"demo", false}};
  for (const auto& [arn, good_one] : rows)
    EXPECT_EQ(principal_of(arn).has_value(), good_one) << arn;
}

}  // namespace
}  // namespace tidegate::config
