// The rate-limit service with a wall clock that a story sets: the file $STORY_CLOCK holds how many
// seconds it is ahead. All else is the service's own; its program has no such clock.
package main

import (
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	pb "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
	"github.com/envoyproxy/ratelimit/src/metrics"
	"github.com/envoyproxy/ratelimit/src/redis"
	"github.com/envoyproxy/ratelimit/src/server"
	ratelimit "github.com/envoyproxy/ratelimit/src/service"
	"github.com/envoyproxy/ratelimit/src/settings"
	"github.com/envoyproxy/ratelimit/src/stats"
	"github.com/envoyproxy/ratelimit/src/utils"
	gostats "github.com/lyft/gostats"
)

type clock struct{}

func (clock) UnixNow() int64 {
	text, err := os.ReadFile(os.Getenv("STORY_CLOCK"))
	if err != nil {
		panic(err)
	}
	ahead, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		panic(err)
	}
	return time.Now().Unix() + ahead
}

func main() {
	s := settings.NewSettings()
	manager := stats.NewStatManager(gostats.NewStore(gostats.NewNullSink(), false), s)
	reporter := metrics.NewServerReporter(manager.GetStatsStore().Scope("server"))
	srv := server.NewServer(s, "ratelimit", manager, nil,
		settings.GrpcUnaryInterceptor(reporter.UnaryServerInterceptor()))
	random := rand.New(utils.NewLockedSource(time.Now().Unix()))
	limiter, _ := redis.NewRateLimiterCacheImplFromSettings(
		s, nil, srv, clock{}, random, s.ExpirationJitterMaxSeconds, manager)
	service := ratelimit.NewService(
		limiter, srv.Provider(), manager, srv.HealthChecker(), clock{}, false, false, false)
	srv.AddJsonHandler(service)
	pb.RegisterRateLimitServiceServer(srv.GrpcServer(), service)
	srv.Start()
}
