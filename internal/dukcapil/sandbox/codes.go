package sandbox

// The codes of the data check that the sandbox returns without a magic NIK or a
// fault.
const (
	codeQuota       = "05"
	codeHours       = "06"
	codeParameters  = "07"
	codeCredentials = "09"
	codeLogin       = "03"
	codeIP          = "04"
	codeConnection  = "10"
	codeDeceased    = "11"
	codeDuplicate   = "12"
	codeNotFound    = "13"
	codeInactive    = "14"
	codeFormat      = "15"
	codeInstitution = "16"
	codeUser        = "17"
)

// dataCode is a row in the table of the data check's codes.
type dataCode struct {
	class Class
	text  string
}

// dataCodes is the table of the data check's codes. The texts of 03, 05, 11, 13
// and 14 are known; the others are invented.
var dataCodes = map[string]dataCode{
	"00":            {Found, "Data Ditemukan"},
	"01":            {Found, "Data Ditemukan"},
	codeLogin:       {Configuration, "Login Gagal"},
	codeIP:          {Configuration, "IP Address Tidak Terdaftar"},
	codeQuota:       {Quota, "Kuota Akses Hari ini telah Habis"},
	codeHours:       {Configuration, "Akses di Luar Jam Layanan"},
	codeParameters:  {Configuration, "Parameter Tidak Sesuai"},
	"08":            {NotFound, "NIK Tidak Terdaftar"},
	codeCredentials: {Configuration, "User ID dan Password Harus Diisi"},
	codeConnection:  {Configuration, "IP Address Tidak Diizinkan"},
	codeDeceased:    {NotActive, "meninggal dunia"},
	codeDuplicate:   {Duplicate, "Data Ditemukan, Status Data Ganda"},
	codeNotFound:    {NotFound, "Data Tidak Ditemukan"},
	codeInactive:    {NotActive, "Data Ditemukan, Status Tidak Aktif silakan hubungi Dinas Dukcapil"},
	codeFormat:      {NotFound, "Format NIK Tidak Sesuai"},
	codeInstitution: {Configuration, "Lembaga Tidak Aktif"},
	codeUser:        {Configuration, "User Tidak Aktif"},
}

// The codes of the face check that the sandbox returns without a magic NIK or a
// fault.
const (
	faceBusy       = 5000
	faceAccount    = 5001
	faceLimited    = 5002
	faceIP         = 5003
	faceParameters = 5004
	faceThreshold  = 5005
	faceDecryption = 5006
	faceUnusable   = 6006
	faceNoFace     = 6015
	faceMatch      = 6018
	faceNoMatch    = 6019
	faceNotFound   = 6020
	facePassword   = 9002
)

// faceCode is a row in the table of the face check's codes.
type faceCode struct {
	class Class
	text  string
}

// faceCodes is the table of the face check's codes. The text of 6019 is known;
// the others are invented. It is also not known which of the codes for an
// operator's faults stands for which fault: the sandbox assigns them in the
// order in which they are listed.
var faceCodes = map[int]faceCode{
	faceBusy:       {Busy, "Server Sedang Sibuk."},
	faceAccount:    {Configuration, "Akun Tidak Terdaftar."},
	faceLimited:    {Busy, "Batas Permintaan Terlampaui."},
	faceIP:         {Configuration, "IP Address Tidak Terdaftar."},
	faceParameters: {Configuration, "Parameter Tidak Sesuai."},
	faceThreshold:  {Configuration, "Threshold Tidak Sesuai."},
	faceDecryption: {Configuration, "Dekripsi Gagal."},
	faceUnusable:   {BadImage, "Foto Tidak Dapat Diproses."},
	6012:           {Busy, "Layanan Sedang Sibuk."},
	6014:           {Busy, "Antrian Penuh."},
	faceNoFace:     {BadImage, "Wajah Tidak Terdeteksi."},
	faceMatch:      {Compared, "Foto Sesuai."},
	faceNoMatch:    {Compared, "Foto Tidak Sesuai."},
	faceNotFound:   {NoPortrait, "NIK Tidak Ditemukan."},
	facePassword:   {Configuration, "Password Salah."},
}
