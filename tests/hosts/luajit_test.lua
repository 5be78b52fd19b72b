-- SPDX-License-Identifier: ISC
-- esp_token.lua over the real plugin: luajit_test.lua CTL PLUGIN CONFIG LAYOUT, run by test_luajit.sh.
local ffi = require "ffi"
local esp_token = require "esp_token"
local ctl, plugin, config, layout = arg[1], arg[2], arg[3], arg[4]
local folder = config:match "^(.*)/"
local checks = 0

ffi.cdef [[
int fork(void);
int waitpid(int, int *, int);
void _exit(int);
int fcntl(int, int, ...);
]]

local function same(what, expected, got)
    checks = checks + 1
    if expected ~= got then
        error(("%s: expected %s, got %s"):format(what, tostring(expected), tostring(got)), 2)
    end
end

local function matches(what, text, got)
    checks = checks + 1
    if type(got) ~= "string" or not got:find(text, 1, true) then
        error(("%s: no '%s' in %s"):format(what, text, tostring(got)), 2)
    end
end

local function run(...)
    local words = {}
    for index, word in ipairs {ctl, "-c", config, ...} do
        words[index] = "'" .. word .. "'"
    end
    local pipe = assert(io.popen(table.concat(words, " ")))
    local output = pipe:read "*a"
    pipe:close()
    return output
end

local function token_of(output)
    return (assert(output:match "esptk_%w+_%w+", "no token"))
end

local function write(path, text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
end

-- what `work` says in a forked child
local function in_child(work)
    local child = ffi.C.fork()
    if child == 0 then
        local ran, good = pcall(work)
        ffi.C._exit(ran and good and 0 or 1)
    end
    local status = ffi.new "int[1]"
    ffi.C.waitpid(child, status, 0)
    return status[0] == 0
end

local north = token_of(run("entity", "add", "north", "--kind", "reseller", "--tier", "advanced"))
local acme = token_of(run("entity", "add", "acme", "--kind", "customer", "--reseller", "north"))
local other = token_of(run("entity", "add", "other", "--kind", "customer"))
local tiers = assert(io.open(folder .. "/tiers.ini")):read "*a"

local function open()
    return assert(esp_token.open {config = config, plugin = plugin})
end
local validator = open()

-- an allowed token
local result = validator:validate(acme, {metric = "kpi.join_time"})
same("allowed", true, result.allowed)
same("status", esp_token.ALLOW, result.status)
same("reason", "allow", result.reason)
same("id", acme:sub(7, 17), result.token_id)
same("entity", "acme", result.entity)
same("reseller", "north", result.reseller)
same("tier", "lite", result.tier)
same("rank", 10, result.tier_rank)
same("kind", "customer", result.kind)
same("detail", "allowed", result.detail)
same("a year", true, math.abs(result.expires - os.time() - 365 * 86400) < 300)
same("revision", true, result.revision > 0)
same("another name", nil, result.no_such)
same("kind of a reseller", "reseller", validator:validate(north).kind)
same("a text of it", nil, tostring(result):find(acme, 1, true))
matches("version", ".", validator.version)

-- refusals
local function refused(what, status, token, asked)
    local answer = validator:validate(token, asked)
    same(what .. " allowed", false, answer.allowed)
    same(what, status, answer.status)
    same(what .. " in words", validator:reason(status), answer.reason)
    same(what .. " as named", status, esp_token[answer.reason:upper()])
end
for _, text in ipairs {"", "esptk_", acme:sub(1, 53), acme .. "0", acme .. "\0", ("\0"):rep(54)} do
    refused("malformed", esp_token.MALFORMED, text)
end
refused("none", esp_token.MALFORMED, nil)
refused("expired", esp_token.EXPIRED, acme, {now = os.time() + 366 * 86400})
refused("metric", esp_token.METRIC, acme, {metric = "asn.traffic"})
refused("empty metric", esp_token.METRIC, acme, {metric = ""})
refused("entity", esp_token.ENTITY, north, {entity = "other"})
refused("empty entity", esp_token.ENTITY, north, {entity = ""})
same("its customer", true, validator:validate(north, {entity = "acme", metric = "asn.traffic"}).allowed)
run("entity", "edit", "north", "--status", "inactive")
refused("suspended", esp_token.SUSPENDED, acme)
run("entity", "edit", "north", "--status", "active")
local web = run("create", "north", "web")
run("edit", "north/web", "--status", "inactive")
refused("inactive", esp_token.INACTIVE, token_of(web))
run("remove", "north/web", "--yes")
refused("unknown", esp_token.UNKNOWN, token_of(web))
for status = 0, 70 do
    local answer = ffi.new "espt_result"
    answer.status = status
    same("the word for " .. status, validator:reason(status), answer.reason)
    same("allowed by " .. status, status == 1, answer.allowed)
end

-- values of wrong types are refused, and never raise an error
local userdata = ffi.cast("void *", 0) -- as ngx.null
for index, value in pairs {5, 54, 1.5, true, false, {acme}, {}, print, io.stdout, coroutine.create(print), userdata} do
    local what = type(value) .. " " .. index
    refused(what .. " as token", esp_token.MALFORMED, value)
    refused(what .. " as metric", esp_token.METRIC, acme, {metric = value})
    refused(what .. " as entity", esp_token.ENTITY, acme, {entity = value})
    same(what .. " as a metric alone", false, validator:allows(result, value))
    same(what .. " as a result", false, validator:allows(value, "kpi.join_time"))
    same(what .. " as a result to fill", true, validator:validate(acme, nil, value).allowed)
    if type(value) ~= "table" then
        refused(what .. " as what is asked", esp_token.USAGE, acme, value)
    end
    if type(value) ~= "number" then
        refused(what .. " as now", esp_token.USAGE, acme, {now = value})
        same(what .. " as a status", "unset", validator:reason(value))
    end
    if type(value) ~= "table" then
        local opened, why = esp_token.open(value)
        same(what .. " for open", nil, opened)
        matches(what .. " for open", "open takes a table", why)
    end
    for _, name in ipairs {"config", "plugin"} do
        local opened, why = esp_token.open {config = config, plugin = plugin, [name] = value}
        same(what .. " as " .. name, nil, opened)
        matches(what .. " as " .. name, "path must be a string, not a", why)
    end
end
refused("a text as what is asked", esp_token.USAGE, acme, "asn.traffic")
same("no metric alone", false, validator:allows(result, nil))
for _, text in ipairs {acme .. "\0x", ("x"):rep(2 ^ 20), ("\0"):rep(2 ^ 20)} do
    refused("text as token", esp_token.MALFORMED, text)
    refused("text as metric", esp_token.METRIC, acme, {metric = text})
    refused("text as entity", esp_token.ENTITY, acme, {entity = text})
end
for _, now in ipairs {2 ^ 63, -2 ^ 63 - 2048, 2 ^ 64, 2 ^ 64 + 4096, 1e300, 1 / 0, -1 / 0, 0 / 0, "0"} do
    refused("now " .. tostring(now), esp_token.USAGE, acme, {now = now})
    matches("its detail", "now must be", validator:validate(acme, {now = now}).detail)
end
refused("a far time", esp_token.EXPIRED, acme, {now = 2 ^ 62})
for _, now in ipairs {-1, -2 ^ 63, 1e9 + 0.5, 0} do
    same("now " .. now, true, validator:validate(acme, {now = now}).allowed)
end
for _, status in ipairs {2 ^ 31, 2 ^ 32 + 1, -2 ^ 32 + 1, 2 ^ 53 + 1, 0 / 0, 1 / 0, -1} do
    same("the word for " .. status, "unset", validator:reason(status))
end

-- a result that is filled again holds nothing of before
local again = validator:validate(acme)
same("the same result", again, validator:validate("none", nil, again))
same("its status", esp_token.MALFORMED, again.status)
same("its entity", "", again.entity)

-- metrics alone, and an edited table
same("allows", true, validator:allows(result, "kpi.join_time"))
same("allows more", false, validator:allows(result, "asn.traffic"))
same("allows a denied one", false, validator:allows(again, "kpi.join_time"))
write(folder .. "/tiers.ini", (tiers:gsub("kpi%.%*", "kpi.* asn.*", 1)))
same("refresh", true, validator:refresh())
same("allows then", true, validator:allows(result, "asn.traffic"))
write(folder .. "/tiers.ini", "broken")
local refreshed, fault = validator:refresh()
same("refresh of a broken table", nil, refreshed)
matches("its fault", "tiers.ini:1:", fault)
same("the old table", true, validator:allows(result, "asn.traffic"))
local broken
broken, fault = esp_token.open {config = config, plugin = plugin}
same("open with a broken table", nil, broken)
matches("its fault", "tiers.ini:1:", fault)
write(folder .. "/tiers.ini", tiers)
same("refresh of a mended table", true, validator:refresh())

-- what cannot be opened
for _, case in ipairs {
    {{config = "/nonexistent.conf", plugin = plugin}, "/nonexistent.conf"},
    {{config = "/non\0existent", plugin = plugin}, "NUL"},
    {{config = config, plugin = "/nonexistent.so"}, "/nonexistent.so"},
    {{config = config, plugin = "esp_validator.so"}, "must begin with /"},
    {{config = config, plugin = arg[5]}, "espt_validator_get"},
    {{config = config, plugin = plugin .. "\0.so"}, "NUL"},
} do
    local opened, why = esp_token.open(case[1])
    same("open", nil, opened)
    matches("open", case[2], why)
end

-- the layout is the header's
local seen = 0
for line in io.lines(layout) do
    local struct, field, at, size = line:match "^([%w_]+)%.([%w_]+) (%d+) (%d+)$"
    if not struct then
        struct, size = line:match "^([%w_]+) (%d+)$"
        same(struct, tonumber(size), ffi.sizeof(struct))
    else
        same(line, tonumber(at), ffi.offsetof(struct, field) or ffi.offsetof(struct, field .. "_"))
    end
    seen = seen + 1
end
same("lines of the layout", 33, seen)

-- many calls, compiled: toggled meanwhile by another process, and right at every moment
local mine, foreign = {entity = "acme"}, {entity = "acme"}
for round = 1, 10 do
    local status = round % 2 == 1 and "inactive" or "active"
    run("edit", "acme/default", "--status", status)
    for _ = 1, 20000 do
        local answer = validator:validate(acme, mine, again)
        if answer.allowed ~= (status == "active") or answer.token_id ~= acme:sub(7, 17) then
            error("round " .. round .. ": " .. tostring(answer))
        end
        if validator:validate(other, foreign, again).status ~= esp_token.ENTITY then
            error("round " .. round .. ": " .. tostring(again))
        end
    end
end

-- after fork: a child sees what changes after it began, and what it changes is seen here
same("a child", true, in_child(function()
    run("edit", "acme/default", "--status", "inactive")
    return validator:validate(acme).status == esp_token.INACTIVE and validator:refresh()
end))
refused("what a child changed", esp_token.INACTIVE, acme)
run("edit", "acme/default", "--status", "active")
same("another child", true, in_child(function()
    return validator:validate(acme).allowed
end))

-- nothing is left by what is closed or collected
local function files()
    local count = 0
    for fd = 0, 1023 do
        if ffi.C.fcntl(fd, 1) >= 0 then -- F_GETFD
            count = count + 1
        end
    end
    return count
end
local before = files()
collectgarbage "stop"
for _ = 1, 10 do
    open():close()
end
same("open files of closed ones", before, files())
collectgarbage "restart"
for _ = 1, 500 do
    open():close()
    open()
end
collectgarbage()
collectgarbage()
-- the collector may find the last of them still on the stack
same("open files of collected ones", true, files() <= before + 1)

validator:close()
validator:close()
for _, call in ipairs {
    function() return validator:validate(acme) end,
    function() return validator:allows(result, "kpi.x") end,
    function() return validator:refresh() end,
} do
    local ran, message = pcall(call)
    same("a call on a closed one", false, ran)
    matches("a call on a closed one", "the validator is closed", message)
end
print(checks .. " checks of Lua")
