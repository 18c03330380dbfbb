package httpapi

import "strings"

// Guidance tells a person what to do about an error, in Bahasa Indonesia and in
// English. The texts are fixed and never contain input.
type Guidance struct {
	ID string `json:"id"`
	EN string `json:"en"`
}

var (
	guideName = &Guidance{
		ID: "Isi nama lengkap sesuai KTP, 1 sampai 100 karakter.",
		EN: "Give the full name as on the identity card, 1 to 100 characters.",
	}
	guideMissingName = &Guidance{
		ID: "Bagian name tidak ada dalam permintaan. Kirim nama lengkap sesuai KTP, 1 sampai 100 karakter.",
		EN: "The field name is missing from the request. Send the full name as on the identity card, 1 to 100 characters.",
	}
	guideMissingImage = &Guidance{
		ID: "Bagian face_image tidak ada dalam permintaan. Lampirkan foto wajah pada bagian itu.",
		EN: "The field face_image is missing from the request. Attach a photograph of the face as that field.",
	}
	guideAttribute = &Guidance{
		ID: "Isi dengan satu baris teks UTF-8 yang memuat huruf atau angka, paling panjang 500 bita. Kosongkan bila tidak diketahui.",
		EN: "Give one line of UTF-8 text with a letter or a digit, at most 500 bytes. Leave it out if it is not known.",
	}
	guideNoAttribute = &Guidance{
		ID: "Isi sekurang-kurangnya satu data selain NIK.",
		EN: "Give at least one detail besides the NIK.",
	}
	guideReference = &Guidance{
		ID: "Isi reference_id dengan 1 sampai 128 karakter ASCII tanpa spasi, atau kosongkan.",
		EN: "Give a reference_id of 1 to 128 visible ASCII characters without spaces, or leave it out.",
	}
	guideInvalidKey = &Guidance{
		ID: "Isi header Idempotency-Key dengan 1 sampai 255 karakter ASCII tanpa spasi, misalnya UUID.",
		EN: "Give an Idempotency-Key of 1 to 255 visible ASCII characters without spaces, such as a UUID.",
	}
	guideKeyReused = &Guidance{
		ID: "Buat Idempotency-Key baru untuk setiap permintaan, dan kirim yang sama hanya saat mengulang permintaan yang sama.",
		EN: "Make a new Idempotency-Key for each request, and send the same one only to repeat the same request.",
	}
	guideLookUp = &Guidance{
		ID: "Cari dengan satu parameter: reference_id atau request_id, satu kali, 1 sampai 128 karakter ASCII tanpa spasi.",
		EN: "Look up by one parameter, reference_id or request_id, given once, of 1 to 128 visible ASCII characters without spaces.",
	}
	guideLargeForm = &Guidance{
		ID: "Kirim hanya data yang akan diperiksa, tanpa foto: paling banyak 64 KiB.",
		EN: "Send only the details to compare, without a photograph: at most 64 KiB.",
	}
	guideBatch = &Guidance{
		ID: "Kirim multipart/form-data dengan bagian claims (CSV dengan baris judul, atau satu objek JSON per baris) dan, untuk verifikasi wajah, bagian photographs (zip).",
		EN: "Send multipart/form-data with the part claims (CSV with a header line, or one JSON object a line) and, for face verifications, the part photographs (zip).",
	}
	guideResults = &Guidance{
		ID: "Minta hasil dengan format=csv atau format=jsonl.",
		EN: "Ask for the results with format=csv or format=jsonl.",
	}
	guideNoFile           = noFileGuidance(fieldFaceImage)
	guideUnsupportedImage = &Guidance{
		ID: "Gunakan foto berformat JPEG atau PNG.",
		EN: "Use a photograph in JPEG or PNG format.",
	}
	guideInvalidImage = &Guidance{
		ID: "Berkas foto rusak atau tidak lengkap. Ambil atau unggah ulang foto.",
		EN: "The photograph's file is damaged or incomplete. Take or upload it again.",
	}
	guideUnreadImage = &Guidance{
		ID: "Jenis berkas JPEG ini tidak didukung, walaupun tidak rusak. Simpan ulang foto sebagai JPEG biasa (baseline, 8 bit) atau PNG, lalu unggah lagi.",
		EN: "This kind of JPEG is not supported, though it may not be damaged. Save the photograph again as an ordinary JPEG (baseline, 8 bits) or as PNG, and upload that.",
	}
	guideFaceNotDetected = &Guidance{
		ID: "Wajah tidak ditemukan. Pastikan seluruh wajah terlihat jelas di dalam foto.",
		EN: "No face was found. Make sure that the whole face is clearly visible in the photograph.",
	}
	guideMultipleFaces = &Guidance{
		ID: "Terdapat lebih dari satu wajah. Ambil foto satu orang saja.",
		EN: "There is more than one face. Take a photograph of one person only.",
	}
	guideFaceQuality = &Guidance{
		ID: "Ambil ulang foto dengan wajah terlihat jelas.",
		EN: "Take the photograph again with the face clearly visible.",
	}
	guideReplay = &Guidance{
		ID: "Foto ini sudah pernah digunakan. Ambil foto baru sekarang dengan kamera, jangan memakai foto lama.",
		EN: "This photograph has been used before. Take a new one with the camera now; do not use an old one.",
	}
	guideAttack = &Guidance{
		ID: "Ambil foto baru langsung dari wajah Anda di tempat yang terang, bukan dari foto cetak atau layar.",
		EN: "Take a new photograph of your own face, in good light, and not of a print or a screen.",
	}
	guideTooLarge = &Guidance{
		ID: "Gunakan foto dengan ukuran berkas atau resolusi yang lebih kecil.",
		EN: "Use a photograph with a smaller file size or resolution.",
	}
	guideUnsupportedContent = &Guidance{
		ID: "Kirim permintaan sebagai multipart/form-data atau application/json, tanpa Content-Encoding.",
		EN: "Send the request as multipart/form-data or application/json, without a Content-Encoding.",
	}
	guideNoBoundary = &Guidance{
		ID: "Header Content-Type tidak memuat boundary. Biarkan pustaka HTTP menulis Content-Type untuk multipart/form-data; jangan mengisinya sendiri.",
		EN: "The Content-Type header has no boundary. Let the HTTP library write the Content-Type of multipart/form-data; do not set it yourself.",
	}
	guideBoundary = &Guidance{
		ID: "Boundary juga ada di luar batas antarbagian. Pakai boundary acak; biarkan pustaka HTTP yang memilihnya.",
		EN: "The boundary also stands elsewhere than between the parts. Use a random one; let the HTTP library choose it.",
	}
	guidePart = &Guidance{
		ID: `Header suatu bagian tidak dapat dibaca. Tulis sebagai Content-Disposition: form-data; name="…"; filename="…", satu kali, tanpa Content-Transfer-Encoding.`,
		EN: `The header of a part cannot be read. Write it as Content-Disposition: form-data; name="…"; filename="…", once, without a Content-Transfer-Encoding.`,
	}
	guideUTF8 = &Guidance{
		ID: "Kirim JSON dalam UTF-8, bukan UTF-16 atau UTF-32.",
		EN: "Send the JSON in UTF-8, not in UTF-16 or UTF-32.",
	}
	guideMalformed = &Guidance{
		ID: "Permintaan rusak, tidak lengkap, atau memuat bagian atau header yang sama dua kali.",
		EN: "The request is broken, incomplete, or holds the same part or header twice.",
	}
)

// noFileGuidance says in which field a photograph is missing.
func noFileGuidance(field string) *Guidance {
	return &Guidance{ID: "Lampirkan foto wajah pada bagian " + field + ".", EN: "Attach a photograph of the face as " + field + "."}
}

// iPhone says how to make an iPhone take photographs in JPEG.
var iPhone = Guidance{
	ID: " Di iPhone, pilih Pengaturan > Kamera > Format > Paling Kompatibel, lalu ambil ulang foto.",
	EN: " On an iPhone, choose Settings > Camera > Formats > Most Compatible, and take the photograph again.",
}

// formatGuidance names the format of a photograph that is not supported; "" if it is
// not known.
func formatGuidance(format string) *Guidance {
	if format == "" {
		return guideUnsupportedImage
	}
	g := &Guidance{
		ID: "Berkas ini berformat " + format + ". " + guideUnsupportedImage.ID,
		EN: "The file is in " + format + " format. " + guideUnsupportedImage.EN,
	}
	if format == "HEIC" || format == "HEIF" {
		g.ID, g.EN = g.ID+iPhone.ID, g.EN+iPhone.EN
	}
	return g
}

// measureGuide holds the guidance for each quality measure that may fail, by its
// name in face.Measure.
var measureGuide = map[string]Guidance{
	"inter_eye_distance": {
		ID: "Dekatkan wajah ke kamera atau gunakan foto beresolusi lebih tinggi.",
		EN: "Move closer to the camera or use a photograph of higher resolution.",
	},
	"sharpness": {
		ID: "Foto buram. Bersihkan lensa, tahan kamera dengan stabil, dan tunggu hingga fokus.",
		EN: "The photograph is blurred. Clean the lens, hold the camera still and wait until it is in focus.",
	},
	"under_exposure_prevention": {
		ID: "Foto terlalu gelap. Cari tempat yang lebih terang dan hadapkan wajah ke arah cahaya.",
		EN: "The photograph is too dark. Find a brighter place and turn your face to the light.",
	},
	"over_exposure_prevention": {
		ID: "Wajah terlalu terang. Hindari lampu kilat dan sinar matahari langsung pada wajah.",
		EN: "The face is too bright. Avoid the flash and direct sunlight on the face.",
	},
	"illumination_uniformity": {
		ID: "Cahaya pada wajah tidak merata. Hadapkan wajah ke sumber cahaya agar tidak ada sisi yang gelap.",
		EN: "The light on the face is uneven. Face the light so that neither side lies in shadow.",
	},
	"head_pose_yaw": {
		ID: "Wajah menoleh ke samping. Hadapkan wajah lurus ke kamera.",
		EN: "The face is turned to the side. Face the camera straight on.",
	},
	"head_pose_pitch": {
		ID: "Wajah menunduk atau mendongak. Pegang kamera setinggi mata dan pandang lurus ke kamera.",
		EN: "The face is lowered or raised. Hold the camera at eye level and look straight into it.",
	},
	"head_pose_roll": {
		ID: "Kepala atau kamera miring. Tegakkan kepala dan kamera.",
		EN: "The head or the camera is tilted. Hold both upright.",
	},
	"eyes_open": {
		ID: "Mata tertutup atau tidak terlihat. Buka mata, pandang kamera, dan lepaskan kacamata hitam.",
		EN: "The eyes are closed or cannot be seen. Open them, look at the camera and take off sunglasses.",
	},
	"mouth_occlusion_prevention": {
		ID: "Bagian mulut terhalang. Lepaskan masker dan jauhkan tangan atau benda lain dari wajah.",
		EN: "The mouth is covered. Take off the mask and keep hands and other things away from the face.",
	},
	"crop_of_the_face_image": {
		ID: "Wajah terpotong oleh tepi foto. Pastikan seluruh wajah, dari dahi sampai dagu, berada di dalam foto.",
		EN: "The face is cut off by the edge of the photograph. Keep all of it, from forehead to chin, within.",
	},
	"unified_quality_score": {
		ID: "Wajah tidak terlihat cukup jelas. Pastikan tidak ada yang menutupi dahi, mata, hidung, atau mulut, lalu ambil ulang foto di tempat yang terang.",
		EN: "The face cannot be seen clearly enough. Let nothing cover the forehead, eyes, nose or mouth, and take the photograph again in good light.",
	},
}

// measureGuidance joins the guidance of the measures that failed. It returns
// otherwise if there is none.
func measureGuidance(measures []string, otherwise *Guidance) *Guidance {
	var id, en []string
	for _, m := range measures {
		if g, ok := measureGuide[m]; ok {
			id, en = append(id, g.ID), append(en, g.EN)
		}
	}
	if len(id) == 0 {
		return otherwise
	}
	return &Guidance{ID: strings.Join(id, " "), EN: strings.Join(en, " ")}
}
