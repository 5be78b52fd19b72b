--- Asks esp_validator.so whether an API token is good, whose it is, and what it may see. For LuaJIT.
--
--     local esp_token = require "esp_token"
--     local validator = assert(esp_token.open())      -- the installed plugin and configuration
--
--     local result = validator:validate(token, {metric = "kpi.peak_audience"})
--     if result.allowed then
--         serve(result.entity, result.tier)
--     else
--         refuse(result.reason, result.token_id)
--     end
--
-- One validator serves a Lua state, before and after fork; states in other threads open their own.
-- Compiled code cannot be called back by the plugin, so none of its log comes here: a tier table that
-- is broken by an edit shows by `refresh`.
local ffi = require "ffi"

-- As include/espt/validator.h has it. A trailing _ leaves the plain name to a Lua string.
ffi.cdef [[
typedef struct espt_ctx espt_ctx;
typedef struct espt_query {
    uint32_t size, flags;
    const char *token;
    size_t token_len;
    const char *metric;
    size_t metric_len;
    const char *entity;
    size_t entity_len;
    int64_t now;
} espt_query;
typedef struct espt_result {
    uint32_t size;
    int32_t status;
    int64_t expires_;
    uint64_t revision_;
    int32_t tier_rank;
    uint32_t kind_;
    char token_id_[16], entity_[80], reseller_[80], tier_[64], detail_[160];
} espt_result;
typedef struct espt_validator {
    uint32_t abi, size;
    const char *version;
    int (*open)(espt_ctx **ret, const char *config, void *log, void *log_arg, char *err, size_t err_len);
    int (*validate)(espt_ctx *, const espt_query *, espt_result *);
    int (*allows)(espt_ctx *, const espt_result *, const char *metric, size_t metric_len);
    int (*refresh)(espt_ctx *, char *err, size_t err_len);
    void (*close)(espt_ctx *);
    const char *(*reason)(int32_t status);
} espt_validator;
const espt_validator *espt_validator_get(uint32_t host_abi);
]]

local esp_token = {
    ABI = 0x00010000,
    PLUGIN = "/usr/local/lib/esp-token/esp_validator.so",
}

local ALLOW = 1
local REASONS = {}
for reason, status in pairs {
    unset = 0, allow = ALLOW, malformed = 16, unknown = 17, inactive = 18, expired = 19, suspended = 20,
    tier = 21, entity = 22, metric = 23, unavailable = 64, corrupt = 65, usage = 66,
} do
    esp_token[reason:upper()] = status
    REASONS[status] = reason
end
local KINDS = {"reseller", "customer"}

-- What a result tells by a name that its struct does not have. Texts are made when they are asked for,
-- so that a verdict alone costs none.
local told = {
    allowed = function(result) return result.status == ALLOW end,
    reason = function(result) return REASONS[result.status] or "unset" end,
    token_id = function(result) return ffi.string(result.token_id_) end,
    entity = function(result) return ffi.string(result.entity_) end,
    reseller = function(result) return ffi.string(result.reseller_) end,
    tier = function(result) return ffi.string(result.tier_) end,
    detail = function(result) return ffi.string(result.detail_) end,
    kind = function(result) return KINDS[result.kind_] end,
    expires = function(result) return tonumber(result.expires_) end,
    revision = function(result) return tonumber(result.revision_) end,
}

local Result = ffi.metatype("espt_result", {
    __index = function(result, name)
        local tell = told[name]
        return tell and tell(result)
    end,
    __tostring = function(result)
        return ("%s, token %s, entity %s, tier %s (%s)"):format(result.reason, result.token_id,
            result.entity, result.tier, result.detail)
    end,
})

local RESULT_SIZE, QUERY_SIZE = ffi.sizeof(Result), ffi.sizeof "espt_query"
local ERR_SIZE = 512
local Validator = {}
Validator.__index = Validator

local function load(path)
    if path:sub(1, 1) ~= "/" then
        return nil, path .. ": the validator's path must begin with /"
    end
    local loaded, library = pcall(ffi.load, path)
    if not loaded then
        return nil, "cannot load the validator: " .. library
    end
    local found, get = pcall(function() return library.espt_validator_get end)
    if not found then
        return nil, "cannot load the validator: " .. get
    end
    local plugin = get(esp_token.ABI)
    if plugin == nil or plugin.size < ffi.sizeof "espt_validator" then
        return nil, path .. ": no validator of ABI 1.0"
    end
    return plugin, library
end

--- Opens; `options` may have `config` and `plugin`, the paths of others than the installed ones.
-- @return a validator, or nil and one line that says why not
function esp_token.open(options)
    options = options or {}
    local plugin, library = load(options.plugin or esp_token.PLUGIN)
    if not plugin then
        return nil, library
    end
    if options.config and options.config:find("\0", 1, true) then
        return nil, "the configuration's path holds a NUL"
    end
    local ctx, err = ffi.new("espt_ctx *[1]"), ffi.new("char[?]", ERR_SIZE)
    if plugin.open(ctx, options.config, nil, nil, err, ERR_SIZE) ~= 1 then
        return nil, ffi.string(err)
    end
    return setmetatable({
        version = ffi.string(plugin.version),
        library = library, -- it stays loaded as long as it is used
        plugin = plugin,
        ctx = ffi.gc(ctx[0], plugin.close),
        query = ffi.new("espt_query", {size = QUERY_SIZE}),
    }, Validator)
end

local function opened(validator)
    return validator.ctx or error("the validator is closed", 3)
end

--- Judges a presented token; nil, as of a header that was not sent, is malformed.
-- @param asked nil, or {metric = what is asked for, entity = whose data, now = Unix seconds}
-- @param result one of before to fill again, so that nothing is allocated; a new one by default
-- @return a result: `allowed`, `status` (as esp_token.EXPIRED), `reason` (its word), `token_id`,
-- `entity`, `reseller`, `tier`, `tier_rank`, `kind`, `expires` (Unix seconds; 0: never), `revision`, `detail`
function Validator:validate(token, asked, result)
    local ctx, query = opened(self), self.query
    local metric, entity = asked and asked.metric, asked and asked.entity
    result = result or Result()
    result.size = RESULT_SIZE
    query.token, query.token_len = token, token and #token or 0
    query.metric, query.metric_len = metric, metric and #metric or 0
    query.entity, query.entity_len = entity, entity and #entity or 0
    query.now = asked and asked.now or 0
    self.plugin.validate(ctx, query, result)
    return result
end

--- May a token that was allowed see this metric, by the tier table now in force?
function Validator:allows(result, metric)
    return self.plugin.allows(opened(self), result, metric, #metric) == 1
end

--- Looks at once for a changed tier table or store.
-- @return true, or nil and one line that says what is wrong
function Validator:refresh()
    local err = ffi.new("char[?]", ERR_SIZE)
    if self.plugin.refresh(opened(self), err, ERR_SIZE) == 1 then
        return true
    end
    return nil, ffi.string(err)
end

--- The plugin's word for a status.
function Validator:reason(status)
    return ffi.string(self.plugin.reason(status))
end

--- Ends its use; so does the garbage collector.
function Validator:close()
    if self.ctx then
        self.plugin.close(ffi.gc(self.ctx, nil))
        self.ctx = nil
    end
end

return esp_token
