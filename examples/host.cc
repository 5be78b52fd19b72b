/* SPDX-License-Identifier: ISC */
// The shortest host in C++: may the token on standard input read kpi.peak_audience?
// c++ -std=c++17 host.cc -o host $(pkg-config --cflags --libs esp-validator)
#include <dlfcn.h>
#include <espt/validator.h>
#include <iostream>
#include <memory>
#include <string>

int main(int argc, char **argv)
{
    void *plugin = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    void *symbol = plugin != nullptr ? dlsym(plugin, "espt_validator_get") : nullptr;
    auto get = reinterpret_cast<decltype(&espt_validator_get)>(symbol);
    const espt_validator *v = get != nullptr ? get(ESPT_ABI) : nullptr;
    espt_ctx *opened = nullptr;
    char err[256] = "Usage: host VALIDATOR.so CONFIG <TOKEN";
    if (v == nullptr || !v->open(&opened, argv[2], nullptr, nullptr, err, sizeof err)) {
        std::cerr << err << '\n';
        return 2;
    }
    std::unique_ptr<espt_ctx, decltype(v->close)> ctx(opened, v->close);
    std::string token;
    std::getline(std::cin, token);
    const std::string metric = "kpi.peak_audience";
    espt_query q{sizeof q, 0, token.data(), token.size(), metric.data(), metric.size(), nullptr,
                 0,        0};
    espt_result r{};
    r.size = sizeof r;
    bool allowed = v->validate(ctx.get(), &q, &r);
    std::cout << v->reason(r.status) << ": " << r.token_id << " of " << r.entity << '\n';
    return allowed ? 0 : 1;
}
