// A catalogue that does not keep the fence must not come into force, and both answers must be in
// the audit log.
#include "admin/proven_catalog.hpp"

#include <gtest/gtest.h>

#include "audit/memory_disk.hpp"

namespace tidegate::admin {
namespace {

using catalog::Catalog;

class TakeIntoForce : public ::testing::Test {
 protected:
  TakeIntoForce() {
    log = audit::Log::open(std::make_unique<audit::MemoryDisk>(files), clock,
                           {.region = "eu-central-1"})
              .value();
  }
  json::object newest_event() { return log->service_events(std::nullopt, 10).value().at(0); }
  // Zurich becomes a destination of Frankfurt.
  std::shared_ptr<const Catalog> mis_row() {
    std::string text = Catalog::built_in()->document();
    const std::string row = R"("eu-central-1": ["eu-central-1", )";
    text.insert(text.find(row, text.find(R"({"id": "eu.amazon.nova-2-lite-v1:0")")) + row.size(),
                R"("eu-central-2", )");
    return Catalog::parse(text).value();
  }

  SystemClock clock;
  SeededRng rng{7};
  std::shared_ptr<audit::MemoryFiles> files = std::make_shared<audit::MemoryFiles>();
  std::unique_ptr<audit::Log> log;
};

TEST_F(TakeIntoForce, TheLibraryIsProvenAndTheProofIsKept) {
  const auto taken = take_into_force(Catalog::built_in(), "eu-central-1", *log, clock, rng);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, Catalog::built_in());
  const std::string event = json::serialize(newest_event());
  EXPECT_NE(event.find("CatalogProven"), std::string::npos) << event;
  EXPECT_NE(event.find(Catalog::built_in()->digest()), std::string::npos) << event;
  EXPECT_NE(event.find("\"triples\":161700"), std::string::npos) << event;
}

TEST_F(TakeIntoForce, AMisRowIsRefusedWithItsCounterexample) {
  const auto catalog = mis_row();
  const auto taken = take_into_force(catalog, "eu-central-1", *log, clock, rng);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::configuration);
  EXPECT_NE(taken.error().message.find(
                "eu.amazon.nova-2-lite-v1:0 from eu-central-1 may run in eu-central-2"),
            std::string::npos)
      << taken.error().message;
  EXPECT_EQ(taken.error().why, "proof");
  const std::string event = json::serialize(newest_event());
  EXPECT_NE(event.find("CatalogRefused"), std::string::npos) << event;
  EXPECT_NE(event.find(catalog->digest()), std::string::npos) << event;
}

TEST_F(TakeIntoForce, WhatCannotBeRecordedDoesNotComeIntoForce) {
  files->fail_appends(1);
  const auto taken = take_into_force(Catalog::built_in(), "eu-central-1", *log, clock, rng);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::audit_unavailable);
}

}  // namespace
}  // namespace tidegate::admin
