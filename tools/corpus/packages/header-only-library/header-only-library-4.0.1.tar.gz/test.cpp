#include <gtest/gtest.h>
#include "twice.hpp"

TEST(Twice, Doubles)
{
    EXPECT_EQ(twice(21), 42);
}
