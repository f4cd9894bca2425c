// Randomness behind a port: the operating system's in production, a seeded one in tests and
// simulations.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tidegate {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  std::uint64_t next() {
    std::uint64_t value = 0;
    fill({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    return value;
  }
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
};

// Cryptographically secure, buffered per object; not thread-safe: one a worker. A call of OpenSSL's
// generator costs microseconds whatever it is asked for, a request takes some forty bytes.
class SystemRng final : public Rng {
 public:
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint8_t pool_[4096];
  std::size_t left_ = 0;
};

// SplitMix64: deterministic, for tests and simulations only.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

// A random (version 4) UUID in its 36-character lower-case form (RFC 9562).
std::string make_uuid(Rng& rng);

}  // namespace tidegate
