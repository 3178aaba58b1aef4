#include <lauxlib.h>
#include <lua.h>

static int answer(lua_State *state)
{
    lua_pushinteger(state, 42);
    return 1;
}

int luaopen_corpus(lua_State *state)
{
    lua_newtable(state);
    lua_pushcfunction(state, answer);
    lua_setfield(state, -2, "answer");
    return 1;
}
