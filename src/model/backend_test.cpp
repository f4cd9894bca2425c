// Slots: never more than there are, whoever takes them, and given back whatever happens.
#include "model/backend.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tidegate::model {
namespace {

BackendConfig backend_with(std::uint32_t slots) {
  BackendConfig config;
  config.name = "llama";
  config.slots = slots;
  return config;
}

TEST(Slots, AreGivenBack) {
  auto backend = std::make_shared<BackendState>(backend_with(2));
  int told = 0;
  {
    ASSERT_TRUE(backend->try_take_slot());
    Slot first(backend, [&] { ++told; });
    ASSERT_TRUE(backend->try_take_slot());
    Slot second(backend, nullptr);
    EXPECT_FALSE(backend->try_take_slot());
    Slot moved(std::move(first));
    EXPECT_FALSE(first);
    second = std::move(moved);  // gives back what it held
    EXPECT_EQ(backend->busy(), 1u);
    EXPECT_EQ(told, 0);
    second.release();
    second.release();
    EXPECT_EQ(backend->busy(), 0u);
    EXPECT_EQ(told, 1);
  }
  EXPECT_EQ(backend->busy(), 0u);
  EXPECT_EQ(told, 1);
}

TEST(Slots, HoldAgainstManyTakers) {
  BackendState backend(backend_with(3));
  std::atomic<int> inside{0}, most{0};
  const auto work = [&] {
    for (int i = 0; i < 2'000; ++i) {
      if (!backend.try_take_slot()) continue;
      const int now = inside.fetch_add(1) + 1;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      inside.fetch_sub(1);
      backend.release_slot();
    }
  };
  std::vector<std::thread> takers;
  for (int i = 0; i < 4; ++i) takers.emplace_back(work);
  for (std::thread& taker : takers) taker.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(backend.busy(), 0u);
}

TEST(Models, AreFoundByTheirId) {
  ModelConfig config;
  config.model_id = "amazon.nova-2-lite-v1:0";
  config.backend = "llama";
  config.name = "smollm2-135m-instruct";
  const ModelMap models({backend_with(2)}, {config});
  ASSERT_NE(models.find("amazon.nova-2-lite-v1:0"), nullptr);
  EXPECT_EQ(models.find("amazon.nova-2-lite-v1:0")->backend, models.backends()[0]);
  EXPECT_EQ(models.find("other"), nullptr);
  EXPECT_THROW(ModelMap({}, {config}), std::invalid_argument);
}

}  // namespace
}  // namespace tidegate::model
