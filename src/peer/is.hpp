// One list of fields serves writing (a const object) and reading: a template constrained to its
// type.
#pragma once

#include <concepts>
#include <type_traits>

namespace tidegate::peer {

template <class T, class Bare>
concept Is = std::same_as<std::remove_const_t<T>, Bare>;

}  // namespace tidegate::peer
