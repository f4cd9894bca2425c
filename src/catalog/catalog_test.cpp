// The catalogue's data and its reader. The golden hashes were computed by another program (Python's
// json and hashlib).
#include "catalog/catalog.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "base/json.hpp"

namespace tidegate::catalog {
namespace {

const std::set<std::string> eu6 = {"eu-central-1", "eu-north-1", "eu-south-1",
                                   "eu-south-2",   "eu-west-1",  "eu-west-3"};

RegionId region(std::string_view name) {
  return RegionId(std::string(name));
}

std::set<std::string> names(const Row& row) {
  std::set<std::string> out;
  for (const RowDestination& destination : row.destinations())
    out.insert(destination.region().str());
  return out;
}

const Row& row_of(std::string_view profile, std::string_view source) {
  return *Catalog::built_in()->profile(profile)->row(region(source));
}

TEST(BuiltIn, HoldsEveryProfileAndEveryRow) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(catalog->profiles().size(), 132u);
  EXPECT_EQ(catalog->models().size(), 58u);
  EXPECT_EQ(catalog->regions().size(), 35u);
  std::size_t rows = 0, allowed = 0;
  for (const auto& [id, profile] : catalog->profiles()) {
    rows += profile.rows.size();
    for (const auto& [source, row] : profile.rows) {
      allowed += row.destinations().size();
      EXPECT_EQ(row.profile_id(), id);
      EXPECT_EQ(row.source(), source);
      EXPECT_EQ(row.version(), profile.version);
    }
  }
  EXPECT_EQ(rows, 939u);
  EXPECT_EQ(allowed, 16'903u);
  EXPECT_EQ(catalog->digest().size(), 64u);
  EXPECT_EQ(catalog, Catalog::built_in());
}

// "For EU CRIS, all destination Regions lie within the European Union", and the source itself where
// it is outside.
TEST(BuiltIn, EuProfilesNeverLeaveTheEuButForTheirOwnSource) {
  std::size_t rows = 0;
  for (const auto& [id, profile] : Catalog::built_in()->profiles()) {
    if (profile.geography != "eu") continue;
    for (const auto& [source, row] : profile.rows) {
      ++rows;
      for (const std::string& name : names(row)) {
        EXPECT_TRUE(eu6.contains(name) || name == source.str())
            << id << " from " << source.str() << " allows " << name;
      }
    }
  }
  EXPECT_EQ(rows, 171u);
}

TEST(Row, IsNarrowedNeverWidened) {
  const Row& row = row_of("eu.amazon.nova-2-lite-v1:0", "eu-south-1");
  const auto subset = row.narrow({region("eu-west-1"), region("eu-central-1")});
  ASSERT_TRUE(subset) << subset.error().message;
  EXPECT_EQ(subset->names(), "eu-central-1 eu-west-1");
  EXPECT_TRUE(subset->contains(region("eu-west-1")));
  EXPECT_FALSE(subset->contains(region("eu-south-1")));
  EXPECT_TRUE(row.narrow({region("eu-south-1")}));
  const std::pair<std::vector<RegionId>, const char*> refused[] = {
      {{}, "no Region would be left"},
      {{region("eu-west-1"), region("eu-west-2")}, "eu-west-2 is outside the row"},
      {{region("us-east-1")}, "us-east-1 is outside the row"},
      {{region("eu-west-1"), region("eu-west-1")}, "eu-west-1 is named twice"}};
  for (const auto& [regions, words] : refused) {
    const auto narrowed = row.narrow(regions);
    ASSERT_FALSE(narrowed) << words;
    EXPECT_TRUE(narrowed.error().message.contains(words)) << narrowed.error().message;
    EXPECT_TRUE(narrowed.error().mend.contains("eu-central-1, eu-north-1"))
        << "what could be named";
  }
}

// The library with one member of one model or profile set.
Result<std::shared_ptr<const Catalog>> with(std::string_view list, std::string_view id,
                                            std::string_view member, json::value value) {
  json::value document = json::parse(Catalog::built_in()->document()).value();
  for (json::value& item : document.as_object().at(list).as_array()) {
    if (item.at("id").as_string() == id) item.as_object()[member] = std::move(value);
  }
  return Catalog::parse(json::serialize(document));
}

constexpr std::string_view nova_model = "amazon.nova-2-lite-v1:0";
constexpr std::string_view nova_profile = "eu.amazon.nova-2-lite-v1:0";

TEST(Lifecycle, AProfileEndsWithItsModel) {
  const json::object dates{{"legacy", "2026-12-01T00:00:00Z"},
                           {"endOfLife", "2027-03-01T00:00:00Z"},
                           {"successor", "anthropic.claude-sonnet-4-5-20250929-v1:0"}};
  const auto catalog = with("models", nova_model, "lifecycle", dates);
  ASSERT_TRUE(catalog) << catalog.error().message;
  const Lifecycle& eu = (*catalog)->profile(nova_profile)->lifecycle;
  EXPECT_EQ(eu.successor, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
  const WallTime legacy = *eu.legacy, end = *eu.end_of_life;
  EXPECT_EQ(eu.at(legacy - std::chrono::microseconds(1)), Stage::active);
  EXPECT_EQ(eu.at(legacy), Stage::legacy);
  EXPECT_EQ(eu.at(end - std::chrono::microseconds(1)), Stage::legacy);
  EXPECT_EQ(eu.at(end), Stage::gone);
  EXPECT_EQ((*catalog)->profile(nova_profile)->row(region("eu-south-1"))->hash(),
            row_of(nova_profile, "eu-south-1").hash())
      << "the row is what it was";
}

TEST(Lifecycle, WhatCannotBeIsRefused) {
  const std::pair<json::value, const char*> of_model[] = {
      {json::object{}, "must be an object that is not empty"},
      {json::object{{"endOfLife", "soon"}}, "must be a time"},
      {json::object{{"retired", "2027-03-01T00:00:00Z"}}, "is not a member"},
      {json::object{{"successor", "no.such-model"}}, "is not a model"},
      {json::object{{"legacy", "2027-03-02T00:00:00Z"}, {"endOfLife", "2027-03-01T00:00:00Z"}},
       "comes before"}};
  for (const auto& [value, words] : of_model) {
    const auto refused = with("models", nova_model, "lifecycle", value);
    ASSERT_FALSE(refused) << words;
    EXPECT_TRUE(refused.error().message.contains(words)) << refused.error().message;
  }
  const auto refused = with("profiles", nova_profile, "lifecycle",
                            json::object{{"successor", "eu.no-such-profile"}});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("is not a profile")) << refused.error().message;
}

TEST(Scope, AnInRegionProfileHasItsSourceOnly) {
  const auto wide = with("profiles", nova_profile, "scope", "in_region");
  ASSERT_FALSE(wide);
  EXPECT_TRUE(wide.error().message.contains("runs at its source only")) << wide.error().message;
  EXPECT_FALSE(with("profiles", nova_profile, "scope", "anywhere"));
}

TEST(BuiltIn, GeographiesAreNamedSets) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(catalog->geographies().size(), 8u);
  std::set<std::string> eu;
  for (const RegionId& id : catalog->geography("eu")->regions) eu.insert(id.str());
  EXPECT_EQ(eu, eu6);
  EXPECT_TRUE(catalog->geography("global")->everywhere());
  EXPECT_FALSE(catalog->geography("us")->everywhere());
  EXPECT_EQ(catalog->geography("uk"), nullptr);
}

TEST(BuiltIn, LondonIsTheAwkwardCase) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(catalog->profile("eu.amazon.nova-2-lite-v1:0")->row(region("eu-west-2")), nullptr);
  auto with_london = eu6;
  with_london.insert("eu-west-2");
  EXPECT_EQ(names(row_of("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-2")),
            with_london);
  EXPECT_EQ(names(row_of("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-south-1")), eu6);
}

TEST(BuiltIn, StarIsEveryRegionOfTheSourcesPartition) {
  const auto row = names(row_of("global.amazon.nova-2-lite-v1:0", "eu-south-1"));
  EXPECT_EQ(row.size(), 33u);
  EXPECT_TRUE(row.contains("eu-west-2"));
  EXPECT_FALSE(row.contains("us-gov-west-1"));
}

TEST(BuiltIn, LooksUpByIdAndBySource) {
  const auto catalog = Catalog::built_in();
  EXPECT_EQ(catalog->profile("eu.amazon.nova-2-lite"), nullptr);
  EXPECT_EQ(catalog->profile("eu.amazon.nova-2-lite-v1:0")->model_id, "amazon.nova-2-lite-v1:0");
  EXPECT_EQ(catalog->region(region("eu-south-1"))->city, "Milan");
  EXPECT_EQ(catalog->region(region("eu-south-9")), nullptr);
  const Model* model = catalog->model("cohere.embed-v4:0");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->provider, "Cohere");
  EXPECT_EQ(model->name, "Embed v4");
  EXPECT_EQ(model->output, std::vector{Modality::embedding});
  EXPECT_FALSE(model->streams);
  const auto from_london = catalog->profiles_from(region("eu-west-2"));
  EXPECT_TRUE(std::ranges::is_sorted(from_london, {}, &Profile::id));
  for (const Profile* profile : from_london) EXPECT_NE(profile->row(region("eu-west-2")), nullptr);
  EXPECT_FALSE(from_london.empty());
}

TEST(Row, HashIsRfc8785JsonUnderSha256) {
  EXPECT_EQ(row_of("eu.amazon.nova-2-lite-v1:0", "eu-south-1").hash(),
            "50bc5540780b3f766147d0e306fc5ae3d8d77c3faa18d0aae8a999eefeb605da");
  EXPECT_EQ(row_of("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-2").hash(),
            "fefce4d3fcc91adc937b12c4b83283106a01b472680fcef3ee5808f7e2e08dd1");
  EXPECT_EQ(row_of("global.amazon.nova-2-lite-v1:0", "eu-south-1").hash(),
            "c1ff540a0484b28a9b45d33cf6c3d09e42e61f273d7a969f804dd4fe9304fe7f");
  EXPECT_EQ(Catalog::in_region_row("amazon.nova-2-lite-v1:0", region("eu-south-1")).hash(),
            "a5dd785c0e2f468ecdae8438466e1df37deba10bb0f9722e9af2fe776655acbd");
}

TEST(Row, FindsItsDestinationsAndNoOther) {
  const Row& row = row_of("eu.amazon.nova-2-lite-v1:0", "eu-south-1");
  for (const std::string& name : eu6) {
    ASSERT_NE(row.find(region(name)), nullptr);
    EXPECT_EQ(row.find(region(name))->region().str(), name);
  }
  for (const auto* name :
       {"eu-west-2", "eu-central-2", "us-east-1", "", "eu-central-1 ", "EU-CENTRAL-1"}) {
    EXPECT_EQ(row.find(region(name)), nullptr) << name;
  }
}

TEST(Row, DestinationsStayValidWhenTheRowMoves) {
  Row first = Catalog::in_region_row("amazon.nova-2-lite-v1:0", region("eu-south-1"));
  const RowDestination taken_before = first.destinations().front();
  const Row second = std::move(first);
  EXPECT_EQ(taken_before.region().str(), "eu-south-1");
  EXPECT_EQ(&second.destinations().front().region(), &taken_before.region());
  EXPECT_EQ(second.destinations().size(), 1u);
}

// A small document, and one change to it at a time.
constexpr std::string_view document = R"({"format":1,"provenance":{"what":"test"},
"regions":[{"id":"eu-west-1","city":"Dublin","country":"IE","partition":"aws"},
{"id":"us-gov-west-1","city":"Oregon","country":"US","partition":"aws-us-gov"}],
"geographies":[{"id":"eu","version":1,"regions":["us-gov-west-1","eu-west-1"]}],
"models":[{"id":"a.m","name":"M","provider":"A","input":["text"],"output":["text"],"streams":true}],
"profiles":[{"id":"eu.a.m","name":"EU M","scope":"geographic","geography":"eu","model":"a.m",
"version":3,
"rows":{"eu-west-1":["eu-west-1"]}}]})";

TEST(Parse, TakesASmallDocument) {
  const auto catalog = Catalog::parse(document);
  ASSERT_TRUE(catalog) << catalog.error().message;
  EXPECT_EQ((*catalog)->profile("eu.a.m")->row(region("eu-west-1"))->version(), 3u);
}

struct Broken {
  std::string_view from, to, says;
};

TEST(Parse, NamesWhatIsWrong) {
  const Broken cases[] = {
      {"\"format\":1", "\"format\":2", "document.format"},
      {"\"format\":1", "\"format\":1,\"extra\":0", "document.extra"},
      {"\"city\":\"Dublin\"", "\"town\":\"Dublin\"", "regions[0]: member \"city\" is missing"},
      {"\"city\":\"Dublin\"", "\"city\":\"Dublin\",\"zone\":\"a\"", "regions[0].zone"},
      {"\"id\":\"us-gov-west-1\"", "\"id\":\"eu-west-1\"", "\"eu-west-1\" comes twice"},
      {"\"geography\":\"eu\"", "\"geography\":\"uk\"", "\"uk\" is not a geography"},
      {"\"version\":1", "\"version\":0", "geographies[0].version"},
      {"\"version\":1", "\"version\":1,\"name\":\"EU\"", "geographies[0].name"},
      {"[\"us-gov-west-1\",", "[\"eu-west-9\",", "Region \"eu-west-9\" is not registered"},
      {"[\"us-gov-west-1\",", "[\"eu-west-1\",", "Region \"eu-west-1\" comes twice"},
      {"[\"us-gov-west-1\",", "[\"*\",", "must stand alone"},
      {"[\"us-gov-west-1\",\"eu-west-1\"]", "[]", "geographies[0].regions"},
      {"\"streams\":true", "\"streams\":1", "models[0].streams"},
      {"\"input\":[\"text\"]", "\"input\":[\"smell\"]", "\"smell\" is not a modality"},
      {"\"output\":[\"text\"]", "\"output\":\"text\"", "models[0].output"},
      {"\"scope\":\"geographic\"", "\"scope\":\"planetary\"", "profiles[0].scope"},
      {"\"version\":3", "\"version\":0", "profiles[0].version"},
      {"\"version\":3", "\"version\":3,\"v\":1", "profiles[0].v"},
      {"\"model\":\"a.m\"", "\"model\":\"a.n\"", "\"a.n\" is not a model"},
      {"\"id\":\"eu.a.m\"", "\"id\":\"us.a.m\"", "profiles[0].id"},
      {"[\"eu-west-1\"]", "[\"eu-west-9\"]", "Region \"eu-west-9\" is not registered"},
      {"[\"eu-west-1\"]", "[\"us-gov-west-1\"]", "another partition"},
      {"[\"eu-west-1\"]", "[\"eu-west-1\",\"eu-west-1\"]", "comes twice"},
      {"[\"eu-west-1\"]", "[\"*\",\"eu-west-1\"]", "must stand alone"},
      {"[\"eu-west-1\"]", "[]", "row eu-west-1"},
      {"{\"eu-west-1\":[", "{\"eu-west-8\":[", "row eu-west-8: the source Region"},
      {"\"rows\":{\"eu-west-1\":[\"eu-west-1\"]}", "\"rows\":{}", "must have a row"},
      {"\"version\":3", "\"version\":3,\"version\":3", "twice in one object"},
      {"\"eu-west-1\"]}}]}", "\"eu-west-1\"]}}]", "document"},
  };
  for (const Broken& broken : cases) {
    std::string text(document);
    const auto at = text.find(broken.from);
    ASSERT_NE(at, std::string::npos) << broken.from;
    text.replace(at, broken.from.size(), broken.to);
    const auto parsed = Catalog::parse(text);
    ASSERT_FALSE(parsed) << broken.to;
    EXPECT_EQ(parsed.error().code, ErrorCode::configuration);
    EXPECT_NE(parsed.error().message.find(broken.says), std::string::npos)
        << parsed.error().message;
  }
}

TEST(Parse, RefusesAProfileThatComesTwice) {
  std::string text(document);
  const auto start = text.find("{\"id\":\"eu.a.m\"");
  const std::string profile = text.substr(start, text.rfind(']') - start);
  text.insert(start, profile + ",");
  const auto parsed = Catalog::parse(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "catalogue: profiles[1]: eu.a.m version 3 comes twice");
}

// Against the table that the data was generated from, where it is at hand.
TEST(Golden, EqualsTheTableItWasMadeFrom) {
  std::ifstream file(TIDEGATE_SOURCE_DIR "/../shared/spec/cris-profiles.json");
  if (!file) GTEST_SKIP() << "../shared/spec/cris-profiles.json is not here";
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto table = json::parse(text);
  ASSERT_TRUE(table) << table.error().message;
  const auto catalog = Catalog::built_in();
  ASSERT_EQ(table->as_array().size(), catalog->profiles().size());
  for (const auto& entry : table->as_array()) {
    const std::string id(*json::find_string(entry.as_object(), "profileId"));
    const Profile* profile = catalog->profile(id);
    ASSERT_NE(profile, nullptr) << id;
    const auto& sources = *json::find_object(entry.as_object(), "sources");
    EXPECT_EQ(profile->rows.size(), sources.size());
    for (const auto& source : sources) {
      const Row* row = profile->row(region(source.key()));
      ASSERT_NE(row, nullptr) << id;
      std::set<std::string> expected;
      for (const auto& name : source.value().as_array()) expected.emplace(name.as_string());
      if (!expected.contains("*")) EXPECT_EQ(names(*row), expected) << id;
    }
  }
}

}  // namespace
}  // namespace tidegate::catalog
