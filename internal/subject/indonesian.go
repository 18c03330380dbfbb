package subject

// inIndonesian has the texts of Places on the page in Indonesian. Keys of the
// configuration are shown as they are.
var inIndonesian = map[string]string{
	"the record: name, date of birth, attributes, status":                                                                "catatan: nama, tanggal lahir, data lain, status",
	"the template of the reference portrait (biometric data)":                                                            "templat foto acuan (data biometrik)",
	"the NIK and the data key, without which the other rows open in no copy":                                             "NIK dan kunci data; tanpa kunci itu baris lain tidak dapat dibuka di salinan mana pun",
	"signatures of photographs that were sent, at most 128":                                                              "tanda tangan foto yang dikirim, paling banyak 128",
	"the same, of a person who was not on record":                                                                        "sama, tentang orang yang tidak tercatat",
	"who asked about the person, when, through which endpoint, for what purpose, on what consent, and with what outcome": "siapa yang bertanya tentang orang itu, kapan, lewat layanan apa, untuk tujuan apa, atas persetujuan apa, dan hasilnya",
	"the outcomes that a client was given, to be looked up":                                                              "hasil yang diberikan kepada pemohon, untuk dilihat kembali",
	"the same, under the key that a client gave its request, and a keyed hash of the whole request":                      "sama, di bawah kunci permintaan dari pemohon, dan hash berkunci dari seluruh permintaan",
	"the outcomes that a client is yet to be told at its webhook, or could not be told":                                  "hasil yang masih harus dikirim ke webhook pemohon, atau yang gagal dikirim",
	"what a client sent of the person, with the photograph, until the row is answered; then the outcomes":                "data yang dikirim pemohon tentang orang itu, dengan foto, sampai baris dijawab; sesudahnya hasilnya",
	"that a verified person is to be returned to Dukcapil: the NIK until it is delivered, and the id of the request":     "bahwa orang yang terverifikasi harus dilaporkan ke Dukcapil: NIK sampai terkirim, dan id permintaan",
	"that a service of Dukcapil was called for a request":                                                                "bahwa layanan Dukcapil dipanggil untuk suatu permintaan",
	"that an admin proposed to erase the person: the NIK, until it is decided":                                           "bahwa seorang admin mengusulkan penghapusan data orang itu: NIK, sampai diputuskan",
	"when requests about the person did not verify":                                                                      "kapan permintaan tentang orang itu tidak terverifikasi",
	"that a client asked about the person on a day":                                                                      "bahwa pemohon bertanya tentang orang itu pada suatu hari",
	"that a request about the person is in progress":                                                                     "bahwa permintaan tentang orang itu sedang diproses",
	untilRemoved:                    "sampai orang itu dihapus",
	"24 hours":                      "24 jam",
	"the day":                       "hari itu",
	"until the request is answered": "sampai permintaan dijawab",
}
