#include "audit/frame.hpp"

#include <zlib.h>

#include <charconv>

#include "audit/json_writer.hpp"

namespace tidegate::audit {
namespace {

constexpr std::string_view front = R"({"t":")";
constexpr std::string_view crc_front = R"(,"crc":")";
constexpr std::string_view crc_back = R"("})";
constexpr std::size_t crc_digits = 8;
constexpr std::size_t tail_bytes = crc_front.size() + crc_digits + crc_back.size();

void append_crc(std::string& out, std::string_view bytes) {
  const auto crc = static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[(crc >> shift) & 15];
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Up to the next quote, which is consumed.
std::optional<std::string_view> take_text(std::string_view& text) {
  const std::size_t quote = text.find('"');
  if (quote == std::string_view::npos) return std::nullopt;
  const std::string_view out = text.substr(0, quote);
  text.remove_prefix(quote + 1);
  return out;
}

bool crc_is_right(std::string_view line) {
  const std::string_view tail = line.substr(line.size() - tail_bytes);
  if (!tail.starts_with(crc_front) || !tail.ends_with(crc_back)) return false;
  std::string crc;
  append_crc(crc, line.substr(0, line.size() - tail_bytes));
  return tail.substr(crc_front.size(), crc_digits) == crc;
}

}  // namespace

void begin_frame(std::string& out, std::string_view kind, WallTime at, std::string_view id) {
  out += front;
  out += kind;
  out += R"(","at":)";
  append_number(out, at.time_since_epoch().count());
  out += R"(,"id":)";
  append_text(out, id);
  out += R"(,"e":)";
}

void end_frame(std::string& out, std::size_t start) {
  const std::size_t covered = out.size() - start;
  out += crc_front;
  append_crc(out, std::string_view(out).substr(start, covered));
  out += crc_back;
  out += '\n';
}

std::optional<Frame> parse_frame(std::string_view line) {
  std::string_view rest = line;
  if (line.size() < tail_bytes || !take(rest, front)) return std::nullopt;
  Frame frame;
  const auto name = take_text(rest);
  if (!name || !take(rest, R"(,"at":)")) return std::nullopt;
  frame.kind = *name;
  const auto number = std::from_chars(rest.data(), rest.data() + rest.size(), frame.at);
  if (number.ec != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(number.ptr - rest.data()));
  if (!take(rest, R"(,"id":")")) return std::nullopt;
  const auto id = take_text(rest);
  if (!id || !take(rest, R"(,"e":)") || rest.size() < tail_bytes) return std::nullopt;
  frame.id = *id;
  frame.body = rest.substr(0, rest.size() - tail_bytes);
  if (!crc_is_right(line)) return std::nullopt;
  return frame;
}

std::optional<Frame> recover_frame(std::string_view line) {
  for (std::size_t at = 0; at != std::string_view::npos; at = line.find(front, at + 1)) {
    if (const auto frame = parse_frame(line.substr(at))) return frame;
  }
  return std::nullopt;
}

}  // namespace tidegate::audit
