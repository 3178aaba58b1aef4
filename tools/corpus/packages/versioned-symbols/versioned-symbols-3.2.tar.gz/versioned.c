int versioned_answer(void)
{
    return 42;
}
