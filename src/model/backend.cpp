#include "model/backend.hpp"

#include <stdexcept>

#include "model/adapter.hpp"

namespace tidegate::model {

std::string BackendConfig::authority() const {
  constexpr std::uint16_t https = 443;
  std::string out = host.contains(':') ? "[" + host + "]" : host;
  if (!tls || port != https) out += ":" + std::to_string(port);
  return out;
}

BackendState::BackendState(BackendConfig config)
    : config_(std::move(config)), adapter_(make_adapter(config_)) {}
BackendState::~BackendState() = default;

bool BackendState::try_take_slot() {
  std::uint32_t busy = busy_.load(std::memory_order_relaxed);
  while (busy < config_.slots) {
    if (busy_.compare_exchange_weak(busy, busy + 1, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

void BackendState::release_slot() {
  busy_.fetch_sub(1, std::memory_order_acq_rel);
}

void BackendState::set_load(const Load& load) {
  const auto known = [](std::optional<std::uint32_t> count) {
    return count ? static_cast<std::int64_t>(*count) : -1;
  };
  running_.store(known(load.running), std::memory_order_relaxed);
  waiting_.store(known(load.waiting), std::memory_order_relaxed);
  cache_used_.store(load.cache_used.value_or(-1), std::memory_order_relaxed);
}

Load BackendState::load() const {
  const auto known = [](std::int64_t count) {
    return count < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(count));
  };
  const double cache = cache_used_.load(std::memory_order_relaxed);
  return {.running = known(running_.load(std::memory_order_relaxed)),
          .waiting = known(waiting_.load(std::memory_order_relaxed)),
          .cache_used = cache < 0 ? std::nullopt : std::optional(cache)};
}

ModelMap::ModelMap(std::vector<BackendConfig> backends, std::vector<ModelConfig> models) {
  std::map<std::string, std::shared_ptr<BackendState>, std::less<>> by_name;
  for (BackendConfig& config : backends) {
    auto state = std::make_shared<BackendState>(std::move(config));
    by_name.emplace(state->config().name, state);
    backends_.push_back(std::move(state));
  }
  for (ModelConfig& config : models) {
    const auto backend = by_name.find(config.backend);
    if (backend == by_name.end()) {
      throw std::invalid_argument("model " + config.model_id + " names an unknown back-end");
    }
    std::string id = config.model_id;
    entries_.emplace(std::move(id), Entry{std::move(config), backend->second});
  }
}

const ModelMap::Entry* ModelMap::find(std::string_view model_id) const {
  const auto found = entries_.find(model_id);
  return found == entries_.end() ? nullptr : &found->second;
}

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    release();
    backend_ = std::move(other.backend_);
    on_release_ = std::move(other.on_release_);
  }
  return *this;
}

void Slot::release() {
  if (!backend_) return;
  std::exchange(backend_, nullptr)->release_slot();
  if (auto tell = std::exchange(on_release_, nullptr)) tell();
}

}  // namespace tidegate::model
