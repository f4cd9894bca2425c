// Where lines are built: bytes at the end of a block that is kept from one line to the next. A
// record is some hundred small pieces; here each costs a bounds check and a copy of a size that the
// compiler mostly knows, and nothing is zeroed, allocated or terminated in between.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace tidegate::audit {

class Buffer {
 public:
  std::string_view view() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  char back() const { return bytes_[size_ - 1]; }
  void clear() { size_ = 0; }
  void truncate(std::size_t size) { size_ = size; }

  // Room for `bytes` more, to be written and then advanced over.
  char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) [[unlikely]]
      grow(bytes);
    return bytes_.get() + size_;
  }
  void advance(std::size_t bytes) { size_ += bytes; }

  [[gnu::always_inline]] Buffer& operator+=(std::string_view text) {
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  Buffer& operator+=(char c) {
    *room(1) = c;
    ++size_;
    return *this;
  }

 private:
  void grow(std::size_t bytes) {
    const std::size_t capacity = std::max({std::size_t{4096}, 2 * capacity_, size_ + bytes});
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tidegate::audit
