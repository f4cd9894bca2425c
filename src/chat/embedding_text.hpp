// Vectors as the bodies of embedding answers carry them.
#pragma once

#include <span>
#include <string>

namespace tidegate::chat {

// "[0.1,-2,3e-05]", each number as short as it can be and still be the same float.
void append_vector(std::string& out, std::span<const float> vector);

// 32-bit floats, the least byte first, as every client reads them.
std::string packed_floats(std::span<const float> vector);

// One bit a dimension, set where it is positive, the first of a byte highest: what "ubinary" means;
// "binary" is the same less 128. The last byte is filled with zeros.
enum class BitSign : std::uint8_t { unsigned_bytes, signed_bytes };
void append_bits(std::string& out, std::span<const float> vector, BitSign sign);

}  // namespace tidegate::chat
