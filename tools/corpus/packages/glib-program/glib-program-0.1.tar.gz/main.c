#include <gio/gio.h>

int main(void)
{
    g_autoptr(GBytes) text = g_resources_lookup_data("/corpus/text.txt", 0, NULL);
    g_print("%s", (const char *)g_bytes_get_data(text, NULL));
    return 0;
}
