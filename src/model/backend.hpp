// Model servers of this Region. A Backend is one server with a number of slots; slots are
// Region-wide (shared by all workers), connections are a worker's own.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chat/converse.hpp"
#include "http/client.hpp"
#include "model/attempt.hpp"

namespace tidegate::model {

enum class Health : std::uint8_t { down, up };

enum class BackendKind : std::uint8_t { openai };

// As configured.
struct BackendConfig {
  std::string name;  // "llama"
  BackendKind kind = BackendKind::openai;
  std::string host;  // a literal address: nothing is resolved while serving
  std::uint16_t port = 0;
  std::string base_path;    // "" or "/prefix"
  std::string api_key;      // sent as a bearer token if not empty
  std::uint32_t slots = 1;  // requests that it runs at once
};
struct ModelConfig {
  std::string model_id;   // "amazon.nova-2-lite-v1:0"
  std::string backend;    // a BackendConfig's name
  std::string served_as;  // the model's name at the back-end, sent as "model"
  std::string name;       // what it really is, told to callers: "smollm2-135m-instruct"
  chat::AdditionalFields additional_fields;
};

// Region-wide state of one back-end; lock-free, shared by the workers.
class BackendState {
 public:
  explicit BackendState(BackendConfig config) : config_(std::move(config)) {}
  const BackendConfig& config() const { return config_; }
  bool try_take_slot();  // false: all are busy
  void release_slot();
  std::uint32_t busy() const { return busy_.load(std::memory_order_relaxed); }
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  void set_health(Health health) {
    healthy_.store(health == Health::up, std::memory_order_relaxed);
  }

 private:
  BackendConfig config_;
  std::atomic<std::uint32_t> busy_{0};
  std::atomic<bool> healthy_{false};
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

// Connections of one worker to the back-ends: one http::Client each, made by a factory port.
using ClientFactory = std::function<std::unique_ptr<http::Client>(const BackendConfig&)>;

class LocalExecutor {
 public:
  LocalExecutor(Loop& loop, std::shared_ptr<const ModelMap> models, ClientFactory factory);
  // Refuses at the source what no Region could run, before any is chosen, and keeps what was
  // understood for Work::conversation. A model that does not run here is checked by Converse's own
  // rules only: which additional fields it takes is known where it runs. Errors: those of
  // chat::parse_converse and chat::check_openai.
  Result<chat::Conversation> check(Operation operation, std::string_view model_id,
                                   std::string_view body) const;
  // The slot is held by the caller for as long as this runs. For a stream it calls
  // exchange.begin()/write() itself (with the given extra headers in the head) and keeps the last
  // bytes in Attempt::answer_tail; a unary answer is whole in answer_head and answer_tail.
  Task<Attempt> execute(http::Exchange& exchange, Work work, http::Headers extra_headers);
  // GET /health of every back-end, all at once; tells BackendState. Called by the gateway every
  // second.
  Task<void> probe();

 private:
  Task<Result<void>> run(http::Exchange& exchange, const Work& work, http::Headers extra_headers,
                         Attempt& attempt);
  Task<Result<std::unique_ptr<http::ClientExchange>>> ask(http::Exchange& exchange,
                                                          const ModelMap::Entry& entry,
                                                          const Work& work, std::string_view body,
                                                          Attempt& attempt);
  Task<Result<void>> answer_whole(http::ClientExchange& answer,
                                  const chat::Conversation& conversation,
                                  http::Headers extra_headers, Attempt& attempt);
  Task<Result<void>> answer_stream(http::Exchange& exchange, http::ClientExchange& answer,
                                   const chat::Conversation& conversation,
                                   http::Headers extra_headers, Attempt& attempt);
  Task<Result<void>> pass_on(http::Exchange& exchange, std::string bytes,
                             const http::Headers& extra_headers, Attempt& attempt);
  Task<void> probe_one(BackendState& backend, std::size_t& left, Event& all_done);

  Loop& loop_;
  std::shared_ptr<const ModelMap> models_;
  std::map<std::string, std::unique_ptr<http::Client>> clients_;  // by the back-end's name
};

}  // namespace tidegate::model
