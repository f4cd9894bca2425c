// Load as model servers tell it, in the shapes of their documentation.
#include "model/load.hpp"

#include <gtest/gtest.h>

namespace tidegate::model {
namespace {

struct Row {
  std::string_view what, text;
  std::optional<std::uint32_t> running = {}, waiting = {};
  std::optional<double> cache = {};
};

TEST(Load, IsReadFromMetrics) {
  for (const Row& row : {
           Row{"vLLM, two engines",
               "# HELP vllm:num_requests_running Number of requests.\n"
               "# TYPE vllm:num_requests_running gauge\n"
               "vllm:num_requests_running{engine=\"0\",model_name=\"a\"} 3.0\n"
               "vllm:num_requests_running{engine=\"1\",model_name=\"a } b\"} 2.0\n"
               "vllm:num_requests_waiting{engine=\"0\",model_name=\"a\"} 1.0\n"
               "vllm:num_requests_waiting_by_reason{engine=\"0\",reason=\"deferred\"} 40.0\n"
               "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\n"
               "vllm:kv_cache_usage_perc{engine=\"1\"} 0.5\n",
               5, 1, 0.5},
           Row{"SGLang",
               "sglang:num_running_reqs{model_name=\"x\"} 4.0\nsglang:num_queue_reqs 0.0\n"
               "sglang:token_usage 0.1\n",
               4, 0, 0.1},
           Row{"llama.cpp, with a time and CRLF",
               "llamacpp:requests_processing 1 1763800000000\r\nllamacpp:requests_deferred 2\r\n"
               "llamacpp:predicted_tokens_seconds nan\r\n",
               1,
               2,
               {}},
           Row{"TensorRT-LLM", "trtllm_num_requests_running 7\n", 7, {}, {}},
           Row{"missing is unknown", "process_cpu_seconds_total 1\n"},
           Row{"a longer name is another", "vllm:num_requests_running_total 9\n"},
           Row{"not a number", "vllm:num_requests_running nan\nvllm:num_requests_waiting -1\n"},
           Row{"nonsense",
               "vllm:num_requests_running{engine=\"0\n\n{}\nllamacpp:requests_deferred"},
           Row{"nothing", ""},
       }) {
    const Load load = parse_metrics(row.text);
    EXPECT_EQ(load.running, row.running) << row.what;
    EXPECT_EQ(load.waiting, row.waiting) << row.what;
    EXPECT_EQ(load.cache_used, row.cache) << row.what;
  }
}

TEST(Load, IsReadFromSlots) {
  EXPECT_EQ(
      parse_slots(R"([{"id":0,"is_processing":true},{"id":1,"is_processing":false}])").running, 1);
  EXPECT_EQ(parse_slots("[]").running, 0);
  EXPECT_EQ(parse_slots(R"([{"id":0}])").running, std::nullopt);
  EXPECT_EQ(parse_slots(R"({"error":1})").running, std::nullopt);
}

TEST(Load, IsToldAndTakesNoSlot) {
  BackendConfig config;
  config.slots = 2;
  BackendState backend(config);
  backend.set_load({.running = 2, .waiting = 1, .cache_used = {}});
  EXPECT_EQ(backend.load().running, 2u);
  EXPECT_EQ(backend.load().waiting, 1u);
  EXPECT_TRUE(backend.try_take_slot());
  EXPECT_TRUE(backend.try_take_slot());
  EXPECT_FALSE(backend.try_take_slot());
  backend.set_load({});
  EXPECT_EQ(backend.load().running, std::nullopt);
}

}  // namespace
}  // namespace tidegate::model
