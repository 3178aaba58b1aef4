%{
#include <stdio.h>
int yylex(void);
static void yyerror(const char *text)
{
    fprintf(stderr, "%s\n", text);
}
%}
%token NUMBER PLUS
%%
line: sum { printf("%d\n", $1); };
sum: NUMBER | sum PLUS NUMBER { $$ = $1 + $3; };
%%
int main(void)
{
    return yyparse();
}
