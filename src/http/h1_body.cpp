// Takes bodies out of the bytes of a connection.
#include <charconv>

#include "base/limits.hpp"
#include "http/field_text.hpp"
#include "http/h1_codec.hpp"
#include "http/h1_grammar.hpp"

namespace tidegate::http::h1 {

BodyDecoder::BodyDecoder(BodyFraming framing) : left_(framing.length) {
  switch (framing.kind) {
    case BodyFraming::Kind::none:
      state_ = State::done;
      break;
    case BodyFraming::Kind::length:
      state_ = State::data;
      break;
    case BodyFraming::Kind::chunked:
      state_ = State::size;
      break;
    case BodyFraming::Kind::until_close:
      state_ = State::until_close;
      break;
  }
}

Result<void> BodyDecoder::decode(std::string_view& bytes, std::string& body) {
  while (!bytes.empty() && state_ != State::done) {
    switch (state_) {
      case State::until_close:
        body.append(std::exchange(bytes, {}));
        break;
      case State::data:
      case State::chunk: {
        const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        body.append(bytes.substr(0, take));
        bytes.remove_prefix(take);
        left_ -= take;
        if (left_ == 0) state_ = state_ == State::data ? State::done : State::chunk_end;
        break;
      }
      case State::size: {
        TRY(auto line, take_line(bytes, limits::chunk_line_bytes_max));
        if (line) TRY_VOID(decode_size(*line));
        break;
      }
      case State::chunk_end: {
        TRY(auto line, take_line(bytes, 2));
        if (line && !line->empty()) return malformed("a chunk is longer than its size");
        if (line) state_ = State::size;
        break;
      }
      case State::trailer: {
        TRY(auto line, take_line(bytes, limits::trailer_bytes_max));
        if (!line) break;
        trailer_bytes_ += line->size() + 2;
        if (trailer_bytes_ > limits::trailer_bytes_max)
          return malformed("the trailers are too large");
        if (line->empty()) {
          state_ = State::done;
        } else if (size_of_name(*line) == 0) {
          return malformed("a trailer is not a name, a colon and a value");
        }
        break;
      }
      case State::done:
        break;
    }
  }
  return {};
}

Result<std::optional<std::string>> BodyDecoder::take_line(std::string_view& bytes,
                                                          std::size_t bytes_max) {
  const auto newline = bytes.find('\n');
  const std::size_t take = newline == std::string_view::npos ? bytes.size() : newline + 1;
  if (line_.size() + take > bytes_max) return malformed("a line between chunks is too long");
  line_.append(bytes.substr(0, take));
  bytes.remove_prefix(take);
  if (newline == std::string_view::npos) return std::nullopt;
  std::string line = std::exchange(line_, {});
  if (!line.ends_with("\r\n")) return malformed("a line between chunks ends with a bare LF");
  line.resize(line.size() - 2);
  if (!is_field_text(line)) return malformed("a line between chunks has a control byte");
  return line;
}

Result<void> BodyDecoder::decode_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  // Sixteen digits would fit; fifteen leave no sum that could overflow.
  if (digits.empty() || digits.size() > 15 || !all_of(digits, hex))
    return malformed("a chunk's size is not a number");
  std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return {};
}

bool BodyDecoder::end_of_stream() {
  if (state_ == State::until_close) state_ = State::done;
  return done();
}

std::uint64_t BodyDecoder::announced() const {
  return state_ == State::data || state_ == State::chunk ? left_ : 0;
}

std::optional<std::uint64_t> BodyDecoder::remaining() const {
  if (state_ == State::done) return 0;
  if (state_ == State::data) return left_;
  return std::nullopt;
}

}  // namespace tidegate::http::h1
