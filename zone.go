package sesuai

import "time"

// Jakarta is Waktu Indonesia Barat, UTC+7 without daylight saving time. It is
// the zone of Dukcapil's days, hours and quotas. It does not depend on a time
// zone database, which a container may lack.
var Jakarta = time.FixedZone("WIB", 7*60*60)
