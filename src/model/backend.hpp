// Model servers of this Region, as configured and as they are now. A server has a number of slots,
// which are Region-wide: shared by all workers.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/sigv4.hpp"
#include "chat/converse.hpp"

namespace tidegate::model {

enum class Health : std::uint8_t { down, up };

// Which API a model server speaks: one adapter each (adapter.hpp).
enum class BackendKind : std::uint8_t {
  openai,     // llama.cpp, vLLM, SGLang, Ollama and others: /v1/chat/completions
  anthropic,  // /v1/messages
  bedrock,    // Amazon Bedrock, or another gateway like this one, in the same Region
};

// What the server can do with tools.
enum class Tools : std::uint8_t {
  native,  // it parses calls itself
  schema,  // it does not: a forced call is asked for as structured output
  none,
};

// As configured.
struct BackendConfig {
  std::string name{};  // "llama"
  BackendKind kind = BackendKind::openai;
  // A literal address; with TLS also a name, which is never resolved on a worker.
  std::string host{};
  std::uint16_t port = 0;
  bool tls = false;
  std::string trust_bundle{};      // path: PEM of the CAs that TLS believes; empty: the system's
  std::string base_path{};         // "" or "/prefix"
  std::string api_key{};           // a bearer token, or Anthropic's x-api-key; sent if not empty
  aws::Credentials credentials{};  // bedrock: what it signs with
  std::string region{};            // bedrock: this gateway's own, never another
  Tools tools = Tools::native;
  std::uint32_t slots = 1;  // requests that it runs at once

  // The Host header: "127.0.0.1:8801", "bedrock-runtime.eu-south-1.amazonaws.com".
  std::string authority() const;
};
struct ModelConfig {
  std::string model_id;   // "amazon.nova-2-lite-v1:0"
  std::string backend;    // a BackendConfig's name
  std::string served_as;  // the model's name at the back-end, sent as "model"
  std::string name;       // what it really is, told to callers: "smollm2-135m-instruct"
  chat::AdditionalFields additional_fields;
};

// Whether a Bedrock back-end may be asked for this: a bare model id, no profile and no ARN, because
// AWS would route those onwards.
bool is_in_region_model(std::string_view id);

// What a server says of itself. Absent is unknown, which is not zero.
struct Load {
  std::optional<std::uint32_t> running{}, waiting{};  // requests, ours among them
  std::optional<double> cache_used{};                 // 0 to 1, of its KV cache
};

class BackendAdapter;

// Region-wide state of one back-end; lock-free, shared by the workers.
class BackendState {
 public:
  explicit BackendState(BackendConfig config);
  ~BackendState();
  const BackendConfig& config() const { return config_; }
  const BackendAdapter& adapter() const { return *adapter_; }
  bool try_take_slot();  // false: all are busy
  void release_slot();
  // Requests of ours that run there.
  std::uint32_t busy() const { return busy_.load(std::memory_order_relaxed); }
  // The newest load as the server tells it, for gauges; decisions are made by what is counted here.
  void set_load(const Load& load);
  Load load() const;
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  void set_health(Health health) {
    healthy_.store(health == Health::up, std::memory_order_relaxed);
  }

 private:
  BackendConfig config_;
  std::unique_ptr<const BackendAdapter> adapter_;
  std::atomic<std::uint32_t> busy_{0};
  std::atomic<bool> healthy_{false};
  std::atomic<std::int64_t> running_{-1}, waiting_{-1};  // -1: unknown
  std::atomic<double> cache_used_{-1};
};

// Region-wide: which model runs on which back-end.
class ModelMap {
 public:
  // Throws std::invalid_argument if a model names a back-end that is not there: a bug, the
  // configuration is checked.
  ModelMap(std::vector<BackendConfig> backends, std::vector<ModelConfig> models);
  struct Entry {
    ModelConfig config;
    std::shared_ptr<BackendState> backend;
  };
  const Entry* find(std::string_view model_id) const;
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  const std::vector<std::shared_ptr<BackendState>>& backends() const { return backends_; }

 private:
  std::vector<std::shared_ptr<BackendState>> backends_;
  std::map<std::string, Entry, std::less<>> entries_;
};

// A slot that is held; released when it goes. `on_release` tells the Region that waiters may try
// again.
class Slot {
 public:
  Slot() = default;
  Slot(std::shared_ptr<BackendState> backend, std::function<void()> on_release)
      : backend_(std::move(backend)), on_release_(std::move(on_release)) {}
  Slot(Slot&& other) noexcept = default;
  Slot& operator=(Slot&& other) noexcept;
  ~Slot() { release(); }
  void release();
  explicit operator bool() const { return backend_ != nullptr; }

 private:
  std::shared_ptr<BackendState> backend_;
  std::function<void()> on_release_;
};

}  // namespace tidegate::model
