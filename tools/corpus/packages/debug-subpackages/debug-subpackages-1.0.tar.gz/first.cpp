#include <iostream>

int main()
{
    std::cout << "first\n";
}
