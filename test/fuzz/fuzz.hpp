// What the fuzz targets share. A target takes any bytes, must not crash, leak or run for long, and
// checks a property where its parser has one: CHECK ends the program, which libFuzzer reports with
// the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define CHECK(...)                                                                   \
  do {                                                                               \
    if (!(__VA_ARGS__)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

namespace tidegate::fuzz {

// The input, and a place at which a second run cuts it in two: its first byte chooses.
struct Input {
  explicit Input(const std::uint8_t* data, std::size_t size)
      : bytes(reinterpret_cast<const char*>(data), size) {
    if (bytes.empty()) return;
    const auto choice = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    cut = choice * bytes.size() / 255;
  }
  std::string_view first() const { return bytes.substr(0, cut); }
  std::string_view second() const { return bytes.substr(cut); }

  std::string_view bytes;
  std::size_t cut = 0;
};

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The next line of `rest`, taken off it.
inline std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return line;
}

}  // namespace tidegate::fuzz

#define FUZZ_TARGET(data, size) \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
