#pragma once

template <typename T> T twice(T value)
{
    return value + value;
}
