#include <libxml/parser.h>
#include <stdio.h>

int main(void)
{
    xmlDocPtr document = xmlParseDoc((const xmlChar *)"<root/>");
    puts((const char *)xmlDocGetRootElement(document)->name);
    xmlFreeDoc(document);
    return 0;
}
