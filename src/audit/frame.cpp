#include "audit/frame.hpp"

#include <array>
#include <charconv>

#include "audit/crc32c.hpp"
#include "audit/json_writer.hpp"

namespace tidegate::audit {
namespace {

constexpr std::string_view front = R"({"t":")";
constexpr std::string_view crc_front = R"(,"crc":")";
constexpr std::string_view crc_back = R"("})";
constexpr std::size_t crc_digits = 8;
constexpr std::size_t tail_bytes = crc_front.size() + crc_digits + crc_back.size();

using CrcText = std::array<char, crc_digits>;

CrcText crc_text(std::string_view bytes) {
  std::uint32_t crc = crc32c(bytes);
  CrcText out;
  for (std::size_t at = out.size(); at-- > 0; crc >>= 4) out[at] = "0123456789abcdef"[crc & 15];
  return out;
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
  const CrcText crc = crc_text(line.substr(0, line.size() - tail_bytes));
  return tail.substr(crc_front.size(), crc_digits) == std::string_view(crc.data(), crc.size());
}

}  // namespace

void begin_frame(Buffer& out, std::string_view kind, WallTime at, std::string_view id) {
  out += front;
  out += kind;
  out += R"(","at":)";
  append_number(out, at.time_since_epoch().count());
  out += R"(,"id":)";
  append_text(out, id);
  out += R"(,"e":)";
}

void end_frame(Buffer& out, std::size_t start) {
  const CrcText crc = crc_text(out.view().substr(start));
  out += crc_front;
  out += std::string_view(crc.data(), crc.size());
  out += crc_back;
  out += '\n';
}

std::string frame_line(std::string_view kind, WallTime at, std::string_view id,
                       std::string_view body) {
  Buffer out;
  begin_frame(out, kind, at, id);
  out += body;
  end_frame(out, 0);
  return std::string(out.view());
}

std::optional<Frame> trusted_frame(std::string_view line) {
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
  return frame;
}

std::optional<Frame> parse_frame(std::string_view line) {
  auto frame = trusted_frame(line);
  if (frame && !crc_is_right(line)) return std::nullopt;
  return frame;
}

std::optional<Frame> recover_frame(std::string_view line) {
  for (std::size_t at = 0; at != std::string_view::npos; at = line.find(front, at + 1)) {
    if (const auto frame = parse_frame(line.substr(at))) return frame;
  }
  return std::nullopt;
}

}  // namespace tidegate::audit
