// CRC-32C (Castagnoli), the polynomial that processors have an instruction for: it tells a torn or
// damaged line from a whole one. That nobody changed a line is the chain's word, not this one's.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidegate::audit {

std::uint32_t crc32c(std::string_view bytes);
// The same without special instructions: what crc32c() is where there are none.
std::uint32_t crc32c_portable(std::string_view bytes);

}  // namespace tidegate::audit
