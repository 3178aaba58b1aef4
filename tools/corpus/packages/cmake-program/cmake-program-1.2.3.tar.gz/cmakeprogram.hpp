#pragma once
#include <string>

std::string color();
